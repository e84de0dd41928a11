# client: connections and sessions; may include http and below, never server.
CLIENT_LIBS = $(HTTP_LIBS)
# With the first source file, all of this instead of the line above:
#CLIENT_LIBS = %D%/libclient.la $(HTTP_LIBS)
#noinst_LTLIBRARIES += %D%/libclient.la
#FLOOR_LIBS += %D%/libclient.la
#%C%_libclient_la_SOURCES = %D%/a.c %D%/a.h
#%C%_libclient_la_CFLAGS  = $(AM_CFLAGS)
#%C%_libclient_la_LIBADD  =
