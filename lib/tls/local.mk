# tls: contexts and a stream over any stream; may include net, core, base.
TLS_LIBS = %D%/libtls.la $(NET_LIBS)
noinst_LTLIBRARIES += %D%/libtls.la
FLOOR_LIBS += %D%/libtls.la
%C%_libtls_la_SOURCES = \
	%D%/bio.c \
	%D%/callbacks.c %D%/callbacks.h \
	%D%/conn.c %D%/conn.h \
	%D%/ctx.c %D%/ctx.h \
	%D%/failure.c \
	%D%/info.c \
	%D%/library.c %D%/library.h \
	%D%/load.c %D%/load.h \
	%D%/open.c \
	%D%/self_signed.c \
	%D%/sessions.c %D%/sessions.h \
	%D%/settings.c %D%/settings.h \
	%D%/shake.c \
	%D%/stream.h
%C%_libtls_la_CFLAGS  = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_libtls_la_LIBADD  = $(OPENSSL_LIBS)
