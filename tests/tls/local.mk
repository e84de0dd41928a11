# tests/tls: link their floor's library and those below, no more; the linker checks the floors.
check_LTLIBRARIES += %D%/libtlstest.la
%C%_libtlstest_la_SOURCES = \
	%D%/certs.c %D%/certs.h \
	%D%/duet.c %D%/duet.h \
	%D%/ends.c %D%/ends.h \
	%D%/programs.c %D%/programs.h
%C%_libtlstest_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(OPENSSL_CFLAGS)
%C%_libtlstest_la_LIBADD = $(OPENSSL_LIBS)

tls_tests = \
	%D%/test_aio_tls \
	%D%/test_buffered \
	%D%/test_ctx \
	%D%/test_end \
	%D%/test_handshake \
	%D%/test_hello \
	%D%/test_memory \
	%D%/test_notify \
	%D%/test_open \
	%D%/test_peer \
	%D%/test_serve \
	%D%/test_session \
	%D%/test_start_tls \
	%D%/test_start_tls_peer \
	%D%/test_stream \
	%D%/test_verify
tls_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
tls_test_libs = %D%/libtlstest.la $(TRUN_LIBS) $(TLS_LIBS) $(CHECK_LIBS)
check_PROGRAMS += $(tls_tests)

%C%_test_aio_tls_SOURCES = %D%/test_aio_tls.c tests/net/files.c tests/net/files.h
%C%_test_aio_tls_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_aio_tls_LDADD = $(tls_test_libs)
%C%_test_buffered_CFLAGS = $(tls_test_flags)
%C%_test_buffered_LDADD = $(tls_test_libs)
%C%_test_ctx_CFLAGS = $(tls_test_flags)
%C%_test_ctx_LDADD = $(tls_test_libs)
%C%_test_handshake_CFLAGS = $(tls_test_flags)
%C%_test_handshake_LDADD = $(tls_test_libs)
%C%_test_serve_CFLAGS = $(tls_test_flags)
%C%_test_serve_LDADD = $(tls_test_libs)
%C%_test_session_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_session_LDADD = $(tls_test_libs)
%C%_test_start_tls_SOURCES = %D%/test_start_tls.c tests/net/files.c tests/net/files.h
%C%_test_start_tls_CFLAGS = $(tls_test_flags)
%C%_test_start_tls_LDADD = $(tls_test_libs)
%C%_test_start_tls_peer_CFLAGS = $(tls_test_flags) -DT_DIR='"$(abs_srcdir)/%D%"'
%C%_test_start_tls_peer_LDADD = $(tls_test_libs)
%C%_test_stream_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_stream_LDADD = $(tls_test_libs)
%C%_test_verify_CFLAGS = $(tls_test_flags)
%C%_test_verify_LDADD = $(tls_test_libs)
%C%_test_end_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_end_LDADD = $(tls_test_libs)
%C%_test_notify_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_notify_LDADD = $(tls_test_libs)
%C%_test_open_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_open_LDADD = $(tls_test_libs)
%C%_test_peer_CFLAGS = $(tls_test_flags)
%C%_test_peer_LDADD = $(tls_test_libs)
%C%_test_memory_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_memory_LDADD = $(tls_test_libs)
%C%_test_hello_CFLAGS = $(tls_test_flags) $(OPENSSL_CFLAGS)
%C%_test_hello_LDADD = $(tls_test_libs)

THREAD_TESTS += %D%/test_ctx

EXTRA_DIST += %D%/start_tls.py
