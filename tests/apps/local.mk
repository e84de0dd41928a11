# tests/apps: the programs, run as a user runs them. cases.sh is what the scripts share.
check_PROGRAMS += %D%/test_histogram
noinst_PROGRAMS += %D%/waits
%C%_waits_CPPFLAGS = $(APP_CPPFLAGS)
%C%_waits_LDADD = $(APP_LIBS)
%C%_test_histogram_SOURCES = %D%/test_histogram.c apps/proa-load/histogram.c
%C%_test_histogram_CPPFLAGS = -I$(top_srcdir) $(AM_CPPFLAGS)
%C%_test_histogram_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_histogram_LDADD = $(TEST_LIBS) $(BASE_LIBS) $(CHECK_LIBS)

dist_check_SCRIPTS += \
	%D%/test-clients \
	%D%/test-examples \
	%D%/test-get \
	%D%/test-httpbin \
	%D%/test-load \
	%D%/test-peers \
	%D%/test-ps \
	%D%/test-stop \
	%D%/test-usage
EXTRA_DIST += \
	%D%/cases.sh \
	%D%/clients.py \
	%D%/odd_server.py \
	%D%/static_server.js \
	%D%/static_server.py
