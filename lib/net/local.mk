# net: addresses, streams, listeners; may include core, base.
NET_LIBS = $(CORE_LIBS)
# With the first source file, all of this instead of the line above:
#NET_LIBS = %D%/libnet.la $(CORE_LIBS)
#noinst_LTLIBRARIES += %D%/libnet.la
#FLOOR_LIBS += %D%/libnet.la
#%C%_libnet_la_SOURCES = %D%/a.c %D%/a.h
#%C%_libnet_la_CFLAGS  = $(AM_CFLAGS)
#%C%_libnet_la_LIBADD  =
