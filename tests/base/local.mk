# tests/base: link base's library and no other.
base_tests = \
	%D%/test_arena \
	%D%/test_buf \
	%D%/test_clock \
	%D%/test_date \
	%D%/test_defs \
	%D%/test_encode \
	%D%/test_err \
	%D%/test_heap \
	%D%/test_list \
	%D%/test_log \
	%D%/test_map \
	%D%/test_mem \
	%D%/test_mem_default \
	%D%/test_str \
	%D%/test_support
base_test_libs = $(TEST_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
base_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(base_tests) %D%/test_version

%C%_test_arena_CFLAGS = $(base_test_flags)
%C%_test_arena_LDADD = $(base_test_libs)
%C%_test_buf_CFLAGS = $(base_test_flags)
%C%_test_buf_LDADD = $(base_test_libs)
%C%_test_clock_CFLAGS = $(base_test_flags)
%C%_test_clock_LDADD = $(base_test_libs)
%C%_test_date_CFLAGS = $(base_test_flags)
%C%_test_date_LDADD = $(base_test_libs)
%C%_test_defs_CFLAGS = $(base_test_flags)
%C%_test_defs_LDADD = $(base_test_libs)
%C%_test_encode_CFLAGS = $(base_test_flags)
%C%_test_encode_LDADD = $(base_test_libs)
%C%_test_err_CFLAGS = $(base_test_flags)
%C%_test_err_LDADD = $(base_test_libs)
%C%_test_heap_CFLAGS = $(base_test_flags)
%C%_test_heap_LDADD = $(base_test_libs)
%C%_test_list_CFLAGS = $(base_test_flags)
%C%_test_list_LDADD = $(base_test_libs)
%C%_test_log_CFLAGS = $(base_test_flags)
%C%_test_log_LDADD = $(base_test_libs)
%C%_test_map_CFLAGS = $(base_test_flags)
%C%_test_map_LDADD = $(base_test_libs)
%C%_test_mem_CFLAGS = $(base_test_flags)
%C%_test_mem_LDADD = $(base_test_libs)
%C%_test_mem_default_CFLAGS = $(base_test_flags)
%C%_test_mem_default_LDADD = $(base_test_libs)
%C%_test_str_CFLAGS = $(base_test_flags)
%C%_test_str_LDADD = $(base_test_libs)
%C%_test_support_CFLAGS = $(base_test_flags)
%C%_test_support_LDADD = $(base_test_libs)

%C%_test_version_SOURCES = %D%/test_version.c
%C%_test_version_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_version_LDADD   = $(BASE_LIBS) $(CHECK_LIBS)

THREAD_TESTS += %D%/test_err
