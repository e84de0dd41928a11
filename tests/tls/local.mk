# tests/tls: link their floor's library and those below, no more; the linker checks the floors.
check_LTLIBRARIES += %D%/libtlstest.la
%C%_libtlstest_la_SOURCES = \
	%D%/certs.c %D%/certs.h \
	%D%/duet.c %D%/duet.h
%C%_libtlstest_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(OPENSSL_CFLAGS)
%C%_libtlstest_la_LIBADD = $(OPENSSL_LIBS)

check_PROGRAMS += %D%/test_ctx %D%/test_handshake
%C%_test_ctx_SOURCES = %D%/test_ctx.c
%C%_test_ctx_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_ctx_LDADD   = %D%/libtlstest.la $(TRUN_LIBS) $(TLS_LIBS) $(CHECK_LIBS)
%C%_test_handshake_SOURCES = %D%/test_handshake.c
%C%_test_handshake_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_handshake_LDADD   = %D%/libtlstest.la $(TRUN_LIBS) $(TLS_LIBS) $(CHECK_LIBS)
