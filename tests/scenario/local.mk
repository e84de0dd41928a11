# tests/scenario: whole stories across floors, with client and server in one process.
check_PROGRAMS += %D%/test_both_sides %D%/test_threads
%C%_test_both_sides_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_both_sides_LDADD = $(TRUN_LIBS) lib/client/libclient.la $(SERVER_LIBS) $(CHECK_LIBS)
%C%_test_threads_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_threads_LDADD = tests/tls/libtlstest.la $(TRUN_LIBS) lib/client/libclient.la $(SERVER_LIBS) $(CHECK_LIBS)
THREAD_TESTS += %D%/test_threads
