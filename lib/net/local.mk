# net: addresses, streams, listeners; may include core, base.
NET_LIBS = %D%/libnet.la $(CORE_LIBS)
noinst_LTLIBRARIES += %D%/libnet.la
FLOOR_LIBS += %D%/libnet.la
%C%_libnet_la_SOURCES = \
	%D%/addr.c \
	%D%/fd_stream.c %D%/fd_stream.h \
	%D%/listener.h \
	%D%/pair.c %D%/pair.h \
	%D%/pipe.c \
	%D%/sock.c \
	%D%/stream.c %D%/stream.h \
	%D%/stream_buf.h \
	%D%/stream_read.c \
	%D%/stream_write.c \
	%D%/turn.h
%C%_libnet_la_CFLAGS  = $(AM_CFLAGS)
%C%_libnet_la_LIBADD  =
