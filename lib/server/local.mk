# server: applications and the connections they serve; may include http and below, never client.
SERVER_LIBS = %D%/libserver.la $(HTTP_LIBS)
noinst_LTLIBRARIES += %D%/libserver.la
FLOOR_LIBS += %D%/libserver.la
%C%_libserver_la_SOURCES = \
	%D%/access.c \
	%D%/admit.c \
	%D%/app.c \
	%D%/body.c \
	%D%/conn.c %D%/conn.h \
	%D%/counts.c %D%/counts.h \
	%D%/describe.c \
	%D%/exchange.c %D%/exchange.h \
	%D%/request.c \
	%D%/response.c \
	%D%/router.c %D%/router.h \
	%D%/send.c \
	%D%/serve.c \
	%D%/server.c %D%/server.h
%C%_libserver_la_CFLAGS = $(AM_CFLAGS)
