# tests/server: link their floor's library and those below, no more; the linker checks the floors.
server_tests = \
	%D%/test_access \
	%D%/test_admit \
	%D%/test_body \
	%D%/test_close_notify \
	%D%/test_compress \
	%D%/test_continue \
	%D%/test_cost \
	%D%/test_counts \
	%D%/test_describe \
	%D%/test_edges \
	%D%/test_ends \
	%D%/test_error \
	%D%/test_exchange \
	%D%/test_faults \
	%D%/test_fields \
	%D%/test_https \
	%D%/test_keepalive \
	%D%/test_leaving \
	%D%/test_life \
	%D%/test_limits \
	%D%/test_memory \
	%D%/test_nobody \
	%D%/test_pipeline \
	%D%/test_rate \
	%D%/test_reading \
	%D%/test_redirect \
	%D%/test_request \
	%D%/test_response \
	%D%/test_router \
	%D%/test_routes \
	%D%/test_scene \
	%D%/test_serve \
	%D%/test_server \
	%D%/test_settings \
	%D%/test_signals \
	%D%/test_stream \
	%D%/test_times \
	%D%/test_tls \
	%D%/test_unpacked \
	%D%/test_wire
server_secured = %D%/secured.c %D%/secured.h %D%/served.c %D%/served.h
server_test_libs = $(TRUN_LIBS) $(SERVER_LIBS) $(CHECK_LIBS)
server_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(server_tests)

%C%_test_access_SOURCES = %D%/test_access.c %D%/served.c %D%/served.h
%C%_test_access_CFLAGS = $(server_test_flags)
%C%_test_access_LDADD = $(server_test_libs)
%C%_test_admit_SOURCES = %D%/test_admit.c %D%/served.c %D%/served.h
%C%_test_admit_CFLAGS = $(server_test_flags)
%C%_test_admit_LDADD = tests/tls/libtlstest.la $(server_test_libs)
%C%_test_body_SOURCES = %D%/test_body.c %D%/served.c %D%/served.h
%C%_test_body_CFLAGS = $(server_test_flags)
%C%_test_body_LDADD = $(server_test_libs)
%C%_test_close_notify_SOURCES = %D%/test_close_notify.c %D%/served.c %D%/served.h
%C%_test_close_notify_CFLAGS = $(server_test_flags)
%C%_test_close_notify_LDADD = tests/tls/libtlstest.la $(server_test_libs)
%C%_test_compress_SOURCES = %D%/test_compress.c %D%/served.c %D%/served.h
%C%_test_compress_CFLAGS = $(server_test_flags)
%C%_test_compress_LDADD = $(server_test_libs)
%C%_test_continue_SOURCES = %D%/test_continue.c %D%/served.c %D%/served.h
%C%_test_continue_CFLAGS = $(server_test_flags)
%C%_test_continue_LDADD = $(server_test_libs)
%C%_test_cost_SOURCES = %D%/test_cost.c %D%/served.c %D%/served.h
%C%_test_cost_CFLAGS = $(server_test_flags)
%C%_test_cost_LDADD = $(server_test_libs)
%C%_test_counts_SOURCES = %D%/test_counts.c %D%/served.c %D%/served.h
%C%_test_counts_CFLAGS = $(server_test_flags)
%C%_test_counts_LDADD = tests/tls/libtlstest.la $(server_test_libs)
%C%_test_describe_SOURCES = %D%/test_describe.c %D%/served.c %D%/served.h \
	tests/net/described.c tests/net/described.h
%C%_test_describe_CFLAGS = $(server_test_flags)
%C%_test_describe_LDADD = $(server_test_libs)
%C%_test_edges_SOURCES = %D%/test_edges.c %D%/served.c %D%/served.h
%C%_test_edges_CFLAGS = $(server_test_flags)
%C%_test_edges_LDADD = $(server_test_libs)
%C%_test_ends_SOURCES = %D%/test_ends.c %D%/served.c %D%/served.h
%C%_test_ends_CFLAGS = $(server_test_flags)
%C%_test_ends_LDADD = $(server_test_libs)
%C%_test_error_SOURCES = %D%/test_error.c %D%/served.c %D%/served.h
%C%_test_error_CFLAGS = $(server_test_flags)
%C%_test_error_LDADD = $(server_test_libs)
%C%_test_exchange_SOURCES = %D%/test_exchange.c %D%/served.c %D%/served.h
%C%_test_exchange_CFLAGS = $(server_test_flags)
%C%_test_exchange_LDADD = $(server_test_libs)
%C%_test_faults_SOURCES = %D%/test_faults.c %D%/served.c %D%/served.h
%C%_test_faults_CFLAGS = $(server_test_flags)
%C%_test_faults_LDADD = $(server_test_libs)
%C%_test_fields_SOURCES = %D%/test_fields.c %D%/served.c %D%/served.h
%C%_test_fields_CFLAGS = $(server_test_flags)
%C%_test_fields_LDADD = $(server_test_libs)
%C%_test_https_SOURCES = %D%/test_https.c $(server_secured)
%C%_test_https_CFLAGS = $(server_test_flags)
%C%_test_https_LDADD = tests/tls/libtlstest.la $(server_test_libs)
%C%_test_keepalive_SOURCES = %D%/test_keepalive.c %D%/served.c %D%/served.h
%C%_test_keepalive_CFLAGS = $(server_test_flags)
%C%_test_keepalive_LDADD = $(server_test_libs)
%C%_test_leaving_SOURCES = %D%/test_leaving.c %D%/served.c %D%/served.h
%C%_test_leaving_CFLAGS = $(server_test_flags)
%C%_test_leaving_LDADD = $(server_test_libs)
%C%_test_life_SOURCES = %D%/test_life.c %D%/served.c %D%/served.h
%C%_test_life_CFLAGS = $(server_test_flags)
%C%_test_life_LDADD = $(server_test_libs)
%C%_test_limits_SOURCES = %D%/test_limits.c %D%/served.c %D%/served.h
%C%_test_limits_CFLAGS = $(server_test_flags)
%C%_test_limits_LDADD = $(server_test_libs)
%C%_test_memory_SOURCES = %D%/test_memory.c %D%/served.c %D%/served.h
%C%_test_memory_CFLAGS = $(server_test_flags)
%C%_test_memory_LDADD = $(server_test_libs)
%C%_test_nobody_SOURCES = %D%/test_nobody.c %D%/served.c %D%/served.h
%C%_test_nobody_CFLAGS = $(server_test_flags)
%C%_test_nobody_LDADD = $(server_test_libs)
%C%_test_pipeline_SOURCES = %D%/test_pipeline.c %D%/served.c %D%/served.h
%C%_test_pipeline_CFLAGS = $(server_test_flags)
%C%_test_pipeline_LDADD = $(server_test_libs)
%C%_test_reading_SOURCES = %D%/test_reading.c %D%/served.c %D%/served.h
%C%_test_reading_CFLAGS = $(server_test_flags)
%C%_test_reading_LDADD = $(server_test_libs)
%C%_test_rate_SOURCES = %D%/test_rate.c %D%/served.c %D%/served.h
%C%_test_rate_CFLAGS = $(server_test_flags)
%C%_test_rate_LDADD = $(server_test_libs)
%C%_test_redirect_SOURCES = %D%/test_redirect.c %D%/served.c %D%/served.h
%C%_test_redirect_CFLAGS = $(server_test_flags)
%C%_test_redirect_LDADD = $(server_test_libs)
%C%_test_request_SOURCES = %D%/test_request.c %D%/served.c %D%/served.h
%C%_test_request_CFLAGS = $(server_test_flags)
%C%_test_request_LDADD = $(server_test_libs)
%C%_test_response_SOURCES = %D%/test_response.c %D%/served.c %D%/served.h
%C%_test_response_CFLAGS = $(server_test_flags)
%C%_test_response_LDADD = $(server_test_libs)
%C%_test_router_CFLAGS = $(server_test_flags)
%C%_test_router_LDADD = $(server_test_libs)
%C%_test_routes_SOURCES = %D%/test_routes.c %D%/served.c %D%/served.h
%C%_test_routes_CFLAGS = $(server_test_flags)
%C%_test_routes_LDADD = $(server_test_libs)
%C%_test_scene_SOURCES = %D%/test_scene.c %D%/served.c %D%/served.h
%C%_test_scene_CFLAGS = $(server_test_flags)
%C%_test_scene_LDADD = $(server_test_libs)
%C%_test_serve_SOURCES = %D%/test_serve.c %D%/served.c %D%/served.h
%C%_test_serve_CFLAGS = $(server_test_flags)
%C%_test_serve_LDADD = $(server_test_libs)
%C%_test_server_SOURCES = %D%/test_server.c %D%/served.c %D%/served.h
%C%_test_server_CFLAGS = $(server_test_flags)
%C%_test_server_LDADD = $(server_test_libs)
%C%_test_settings_SOURCES = %D%/test_settings.c %D%/served.c %D%/served.h
%C%_test_settings_CFLAGS = $(server_test_flags)
%C%_test_settings_LDADD = $(server_test_libs)
%C%_test_signals_SOURCES = %D%/test_signals.c %D%/program.c %D%/program.h \
	%D%/served.c %D%/served.h
%C%_test_signals_CFLAGS = $(server_test_flags)
%C%_test_signals_LDADD = $(server_test_libs)
%C%_test_stream_SOURCES = %D%/test_stream.c %D%/served.c %D%/served.h
%C%_test_stream_CFLAGS = $(server_test_flags)
%C%_test_stream_LDADD = $(server_test_libs)
%C%_test_times_SOURCES = %D%/test_times.c %D%/served.c %D%/served.h
%C%_test_times_CFLAGS = $(server_test_flags)
%C%_test_times_LDADD = $(server_test_libs)
%C%_test_tls_SOURCES = %D%/test_tls.c $(server_secured)
%C%_test_tls_CFLAGS = $(server_test_flags)
%C%_test_tls_LDADD = tests/tls/libtlstest.la $(server_test_libs)
%C%_test_unpacked_SOURCES = %D%/test_unpacked.c %D%/served.c %D%/served.h
%C%_test_unpacked_CFLAGS = $(server_test_flags)
%C%_test_unpacked_LDADD = $(server_test_libs)
%C%_test_wire_SOURCES = %D%/test_wire.c %D%/served.c %D%/served.h \
	tests/http/wire.c tests/http/wire.h
%C%_test_wire_CFLAGS = $(server_test_flags)
%C%_test_wire_LDADD = $(server_test_libs)

CHECK_LONG += 'PROA_TEST_SEEDS=10000 CK_DEFAULT_TIMEOUT=3600 %D%/test_wire'
