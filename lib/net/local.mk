# net: addresses, streams, listeners; may include core, base.
NET_LIBS = %D%/libnet.la $(CORE_LIBS)
noinst_LTLIBRARIES += %D%/libnet.la
FLOOR_LIBS += %D%/libnet.la
%C%_libnet_la_SOURCES = \
	%D%/addr.c \
	%D%/addrs.c \
	%D%/communicate.c \
	%D%/connect.c %D%/connect.h \
	%D%/datagram.c %D%/datagram.h \
	%D%/datagram_io.c \
	%D%/fd_io.c \
	%D%/fd_sendfile.c \
	%D%/fd_stream.c %D%/fd_stream.h \
	%D%/file.c \
	%D%/file_io.c %D%/file_io.h \
	%D%/file_whole.c \
	%D%/listen.c \
	%D%/listener.c %D%/listener.h \
	%D%/pair.c %D%/pair.h \
	%D%/pipe.c \
	%D%/process.c %D%/process.h \
	%D%/process_start.c \
	%D%/quiet.c %D%/quiet.h \
	%D%/resolve.c %D%/resolve.h \
	%D%/resolve_name.c \
	%D%/resolve_query.c \
	%D%/sendfile.c \
	%D%/sock.c \
	%D%/stream.c %D%/stream.h \
	%D%/stream_buf.h \
	%D%/stream_out.c %D%/stream_out.h \
	%D%/stream_read.c \
	%D%/stream_view.c \
	%D%/stream_write.c \
	%D%/stream_server.c %D%/stream_server.h \
	%D%/stream_server_stop.c \
	%D%/tcp.c \
	%D%/turn.h \
	%D%/unix.c
%C%_libnet_la_CFLAGS  = $(AM_CFLAGS)
%C%_libnet_la_LIBADD  = -lpthread
