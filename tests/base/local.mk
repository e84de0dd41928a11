# tests/base: link base's library and no other.
base_tests = \
	%D%/test_buf \
	%D%/test_str
base_test_libs = $(TEST_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
base_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(base_tests) %D%/test_version

%C%_test_buf_CFLAGS = $(base_test_flags)
%C%_test_buf_LDADD = $(base_test_libs)
%C%_test_str_CFLAGS = $(base_test_flags)
%C%_test_str_LDADD = $(base_test_libs)

%C%_test_version_SOURCES = %D%/test_version.c
%C%_test_version_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_version_LDADD   = $(BASE_LIBS) $(CHECK_LIBS)
