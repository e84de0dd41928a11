# server: applications and the connections they serve; may include http and below, never client.
SERVER_LIBS = $(HTTP_LIBS)
# With the first source file, all of this instead of the line above:
#SERVER_LIBS = %D%/libserver.la $(HTTP_LIBS)
#noinst_LTLIBRARIES += %D%/libserver.la
#FLOOR_LIBS += %D%/libserver.la
#%C%_libserver_la_SOURCES = %D%/a.c %D%/a.h
#%C%_libserver_la_CFLAGS  = $(AM_CFLAGS)
#%C%_libserver_la_LIBADD  =
