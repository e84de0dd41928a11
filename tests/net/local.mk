# tests/net: link their floor's library and those below, no more; the linker checks the floors.
net_tests = \
	%D%/test_accept \
	%D%/test_aio_connect \
	%D%/test_aio_connect_sock \
	%D%/test_aio_listen \
	%D%/test_aio_server \
	%D%/test_addr \
	%D%/test_aio_end \
	%D%/test_aio_pipe \
	%D%/test_aio_read \
	%D%/test_aio_sendfile \
	%D%/test_aio_sock \
	%D%/test_aio_write \
	%D%/test_communicate \
	%D%/test_connect \
	%D%/test_datagram \
	%D%/test_datagram_open \
	%D%/test_datagram_turns \
	%D%/test_describe \
	%D%/test_describe_server \
	%D%/test_debug_open \
	%D%/test_edge \
	%D%/test_file \
	%D%/test_file_cache \
	%D%/test_file_whole \
	%D%/test_listener \
	%D%/test_pair \
	%D%/test_process \
	%D%/test_process_end \
	%D%/test_resolve \
	%D%/test_resolve_name \
	%D%/test_resolve_own \
	%D%/test_sendfile \
	%D%/test_stream \
	%D%/test_stream_buf \
	%D%/test_stream_carrier \
	%D%/test_stream_out \
	%D%/test_stream_read \
	%D%/test_stream_view \
	%D%/test_stream_write \
	%D%/test_stream_server \
	%D%/test_stream_server_stop \
	%D%/test_tcp \
	%D%/test_unix
net_test_libs = $(TRUN_LIBS) $(NET_LIBS) $(CHECK_LIBS)
net_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(net_tests)

%C%_test_accept_CFLAGS = $(net_test_flags)
%C%_test_accept_LDADD = $(net_test_libs)
%C%_test_aio_connect_sock_SOURCES = %D%/test_aio_connect_sock.c %D%/names.c %D%/names.h
%C%_test_aio_connect_sock_CFLAGS = $(net_test_flags)
%C%_test_aio_connect_sock_LDADD = $(net_test_libs)
%C%_test_aio_connect_SOURCES = %D%/test_aio_connect.c %D%/names.c %D%/names.h
%C%_test_aio_connect_CFLAGS = $(net_test_flags)
%C%_test_aio_connect_LDADD = $(net_test_libs)
%C%_test_aio_listen_CFLAGS = $(net_test_flags)
%C%_test_aio_listen_LDADD = $(net_test_libs)
%C%_test_aio_server_SOURCES = %D%/test_aio_server.c %D%/serving.c %D%/serving.h
%C%_test_aio_server_CFLAGS = $(net_test_flags)
%C%_test_aio_server_LDADD = $(net_test_libs)
%C%_test_addr_CFLAGS = $(net_test_flags)
%C%_test_addr_LDADD = $(net_test_libs)
%C%_test_aio_end_SOURCES = %D%/test_aio_end.c %D%/carrier.c %D%/carrier.h
%C%_test_aio_end_CFLAGS = $(net_test_flags)
%C%_test_aio_end_LDADD = $(net_test_libs)
%C%_test_aio_pipe_SOURCES = %D%/test_aio_pipe.c %D%/carrier.c %D%/carrier.h
%C%_test_aio_pipe_CFLAGS = $(net_test_flags)
%C%_test_aio_pipe_LDADD = $(net_test_libs)
%C%_test_aio_read_SOURCES = %D%/test_aio_read.c %D%/carrier.c %D%/carrier.h
%C%_test_aio_read_CFLAGS = $(net_test_flags)
%C%_test_aio_read_LDADD = $(net_test_libs)
%C%_test_aio_sendfile_SOURCES = %D%/test_aio_sendfile.c %D%/files.c %D%/files.h
%C%_test_aio_sendfile_CFLAGS = $(net_test_flags)
%C%_test_aio_sendfile_LDADD = $(net_test_libs)
%C%_test_aio_sock_SOURCES = %D%/test_aio_sock.c %D%/carrier.c %D%/carrier.h
%C%_test_aio_sock_CFLAGS = $(net_test_flags)
%C%_test_aio_sock_LDADD = $(net_test_libs)
%C%_test_aio_write_SOURCES = %D%/test_aio_write.c %D%/carrier.c %D%/carrier.h
%C%_test_aio_write_CFLAGS = $(net_test_flags)
%C%_test_aio_write_LDADD = $(net_test_libs)
%C%_test_communicate_CFLAGS = $(net_test_flags)
%C%_test_communicate_LDADD = $(net_test_libs)
%C%_test_connect_CFLAGS = $(net_test_flags)
%C%_test_connect_LDADD = $(net_test_libs)
%C%_test_datagram_CFLAGS = $(net_test_flags)
%C%_test_datagram_LDADD = $(net_test_libs)
%C%_test_datagram_open_CFLAGS = $(net_test_flags)
%C%_test_datagram_open_LDADD = $(net_test_libs)
%C%_test_datagram_turns_CFLAGS = $(net_test_flags)
%C%_test_datagram_turns_LDADD = $(net_test_libs)
%C%_test_describe_SOURCES = %D%/test_describe.c %D%/described.c %D%/described.h
%C%_test_describe_CFLAGS = $(net_test_flags)
%C%_test_describe_LDADD = $(net_test_libs)
%C%_test_describe_server_SOURCES = %D%/test_describe_server.c \
	%D%/described.c %D%/described.h %D%/serving.c %D%/serving.h
%C%_test_describe_server_CFLAGS = $(net_test_flags)
%C%_test_describe_server_LDADD = $(net_test_libs)
%C%_test_debug_open_CFLAGS = $(net_test_flags)
%C%_test_debug_open_LDADD = $(net_test_libs)
%C%_test_edge_CFLAGS = $(net_test_flags)
%C%_test_edge_LDADD = $(net_test_libs)
%C%_test_file_SOURCES = %D%/test_file.c %D%/files.c %D%/files.h
%C%_test_file_CFLAGS = $(net_test_flags)
%C%_test_file_LDADD = $(net_test_libs)
%C%_test_file_cache_SOURCES = %D%/test_file_cache.c %D%/files.c %D%/files.h
%C%_test_file_cache_CFLAGS = $(net_test_flags)
%C%_test_file_cache_LDADD = $(net_test_libs)
%C%_test_file_whole_SOURCES = %D%/test_file_whole.c %D%/files.c %D%/files.h
%C%_test_file_whole_CFLAGS = $(net_test_flags)
%C%_test_file_whole_LDADD = $(net_test_libs)
%C%_test_listener_CFLAGS = $(net_test_flags)
%C%_test_listener_LDADD = $(net_test_libs)
%C%_test_pair_CFLAGS = $(net_test_flags)
%C%_test_pair_LDADD = $(net_test_libs)
%C%_test_process_CFLAGS = $(net_test_flags)
%C%_test_process_LDADD = $(net_test_libs)
%C%_test_process_end_CFLAGS = $(net_test_flags)
%C%_test_process_end_LDADD = $(net_test_libs)
%C%_test_resolve_SOURCES = %D%/test_resolve.c %D%/names.c %D%/names.h
%C%_test_resolve_CFLAGS = $(net_test_flags)
%C%_test_resolve_LDADD = $(net_test_libs)
%C%_test_resolve_name_SOURCES = %D%/test_resolve_name.c %D%/names.c %D%/names.h
%C%_test_resolve_name_CFLAGS = $(net_test_flags)
%C%_test_resolve_name_LDADD = $(net_test_libs)
%C%_test_resolve_own_SOURCES = %D%/test_resolve_own.c %D%/names.c %D%/names.h
%C%_test_resolve_own_CFLAGS = $(net_test_flags)
%C%_test_resolve_own_LDADD = $(net_test_libs)
%C%_test_sendfile_SOURCES = %D%/test_sendfile.c %D%/files.c %D%/files.h
%C%_test_sendfile_CFLAGS = $(net_test_flags)
%C%_test_sendfile_LDADD = $(net_test_libs)
%C%_test_stream_CFLAGS = $(net_test_flags)
%C%_test_stream_LDADD = $(net_test_libs)
%C%_test_stream_buf_CFLAGS = $(net_test_flags)
%C%_test_stream_buf_LDADD = $(net_test_libs)
%C%_test_stream_carrier_CFLAGS = $(net_test_flags)
%C%_test_stream_carrier_LDADD = $(net_test_libs)
%C%_test_stream_out_SOURCES = %D%/test_stream_out.c %D%/carrier.c %D%/carrier.h
%C%_test_stream_out_CFLAGS = $(net_test_flags)
%C%_test_stream_out_LDADD = $(net_test_libs)
%C%_test_stream_read_CFLAGS = $(net_test_flags)
%C%_test_stream_read_LDADD = $(net_test_libs)
%C%_test_stream_view_SOURCES = %D%/test_stream_view.c %D%/carrier.c %D%/carrier.h
%C%_test_stream_view_CFLAGS = $(net_test_flags)
%C%_test_stream_view_LDADD = $(net_test_libs)
%C%_test_stream_write_CFLAGS = $(net_test_flags)
%C%_test_stream_write_LDADD = $(net_test_libs)
%C%_test_stream_server_SOURCES = %D%/test_stream_server.c %D%/serving.c %D%/serving.h
%C%_test_stream_server_CFLAGS = $(net_test_flags)
%C%_test_stream_server_LDADD = $(net_test_libs)
%C%_test_stream_server_stop_SOURCES = %D%/test_stream_server_stop.c %D%/serving.c %D%/serving.h
%C%_test_stream_server_stop_CFLAGS = $(net_test_flags)
%C%_test_stream_server_stop_LDADD = $(net_test_libs)
%C%_test_tcp_CFLAGS = $(net_test_flags)
%C%_test_tcp_LDADD = $(net_test_libs)
%C%_test_unix_CFLAGS = $(net_test_flags)
%C%_test_unix_LDADD = $(net_test_libs)

THREAD_TESTS += %D%/test_file %D%/test_listener %D%/test_resolve %D%/test_resolve_name %D%/test_resolve_own
EXTRA_DIST += %D%/not_applicable.md
