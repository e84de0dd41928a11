# client: connections, sessions and their pool; may include http and below, never server.
CLIENT_LIBS = %D%/libclient.la $(HTTP_LIBS)
noinst_LTLIBRARIES += %D%/libclient.la
FLOOR_LIBS += %D%/libclient.la
%C%_libclient_la_SOURCES = \
	%D%/body.c \
	%D%/conn_pool.c %D%/conn_pool.h \
	%D%/connection.h \
	%D%/fetch.c \
	%D%/fields.c \
	%D%/hop.c \
	%D%/open.c \
	%D%/prepared.c \
	%D%/receive.c \
	%D%/redirect.c \
	%D%/response.c \
	%D%/response_body.c \
	%D%/send.c \
	%D%/session.c %D%/session.h \
	%D%/tls.c %D%/tls.h
%C%_libclient_la_CFLAGS = $(AM_CFLAGS)
