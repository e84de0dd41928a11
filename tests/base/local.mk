# tests/base: link base's library and no other.
check_PROGRAMS += %D%/test_version
%C%_test_version_SOURCES = %D%/test_version.c
%C%_test_version_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_version_LDADD   = $(BASE_LIBS) $(CHECK_LIBS)
