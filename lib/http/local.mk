# http: what client and server share; may include tls, net, core, base.
HTTP_LIBS = $(TLS_LIBS)
# With the first source file, all of this instead of the line above:
#HTTP_LIBS = %D%/libhttp.la $(TLS_LIBS)
#noinst_LTLIBRARIES += %D%/libhttp.la
#FLOOR_LIBS += %D%/libhttp.la
#%C%_libhttp_la_SOURCES = %D%/a.c %D%/a.h
#%C%_libhttp_la_CFLAGS  = $(AM_CFLAGS) $(LLHTTP_CFLAGS) $(ZLIB_CFLAGS) $(JANSSON_CFLAGS)
#%C%_libhttp_la_LIBADD  = $(LLHTTP_LIBS) $(ZLIB_LIBS) $(JANSSON_LIBS)
