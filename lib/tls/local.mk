# tls: contexts and a stream over any stream; may include net, core, base.
TLS_LIBS = $(NET_LIBS)
# With the first source file, all of this instead of the line above:
#TLS_LIBS = %D%/libtls.la $(NET_LIBS)
#noinst_LTLIBRARIES += %D%/libtls.la
#FLOOR_LIBS += %D%/libtls.la
#%C%_libtls_la_SOURCES = %D%/a.c %D%/a.h
#%C%_libtls_la_CFLAGS  = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
#%C%_libtls_la_LIBADD  = $(OPENSSL_LIBS)
