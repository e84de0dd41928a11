# tests/client: link their floor's library and those below, no more; the linker checks the floors.
check_LTLIBRARIES += %D%/libscripted.la
%C%_libscripted_la_SOURCES = %D%/scripted.c %D%/scripted.h
%C%_libscripted_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

client_tests = \
	%D%/test_auth \
	%D%/test_connection \
	%D%/test_decode \
	%D%/test_early \
	%D%/test_faults \
	%D%/test_kept \
	%D%/test_pipeline \
	%D%/test_pool \
	%D%/test_prepared \
	%D%/test_real \
	%D%/test_redirect \
	%D%/test_retry \
	%D%/test_session \
	%D%/test_timeouts \
	%D%/test_tls \
	%D%/test_tls_open
client_test_libs = %D%/libscripted.la $(TRUN_LIBS) $(CLIENT_LIBS) $(CHECK_LIBS)
client_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(client_tests)

%C%_test_auth_CFLAGS = $(client_test_flags)
%C%_test_auth_LDADD = $(client_test_libs)
%C%_test_connection_CFLAGS = $(client_test_flags)
%C%_test_connection_LDADD = $(client_test_libs)
%C%_test_decode_CFLAGS = $(client_test_flags)
%C%_test_decode_LDADD = $(client_test_libs)
%C%_test_early_CFLAGS = $(client_test_flags)
%C%_test_early_LDADD = $(client_test_libs)
%C%_test_faults_CFLAGS = $(client_test_flags)
%C%_test_faults_LDADD = $(client_test_libs)
%C%_test_kept_CFLAGS = $(client_test_flags)
%C%_test_kept_LDADD = $(client_test_libs)
%C%_test_pipeline_CFLAGS = $(client_test_flags)
%C%_test_pipeline_LDADD = $(client_test_libs)
%C%_test_pool_CFLAGS = $(client_test_flags)
%C%_test_pool_LDADD = $(client_test_libs)
%C%_test_prepared_CFLAGS = $(client_test_flags)
%C%_test_prepared_LDADD = $(client_test_libs)
%C%_test_real_CFLAGS = $(client_test_flags)
%C%_test_real_LDADD = $(client_test_libs)
%C%_test_redirect_CFLAGS = $(client_test_flags)
%C%_test_redirect_LDADD = $(client_test_libs)
%C%_test_retry_CFLAGS = $(client_test_flags)
%C%_test_retry_LDADD = $(client_test_libs)
%C%_test_session_CFLAGS = $(client_test_flags)
%C%_test_session_LDADD = $(client_test_libs)
%C%_test_timeouts_CFLAGS = $(client_test_flags)
%C%_test_timeouts_LDADD = $(client_test_libs)
%C%_test_tls_CFLAGS = $(client_test_flags)
%C%_test_tls_LDADD = tests/tls/libtlstest.la $(client_test_libs)
%C%_test_tls_open_CFLAGS = $(client_test_flags)
%C%_test_tls_open_LDADD = tests/tls/libtlstest.la $(client_test_libs)
