# tests/support: what all tests share. TEST_LIBS: the part for base's tests (no loop); it goes before
# the floor's own libraries.
check_LTLIBRARIES += %D%/libtest.la
TEST_LIBS = %D%/libtest.la
%C%_libtest_la_SOURCES = \
	%D%/alloc.c %D%/alloc.h \
	%D%/misuse.c \
	%D%/page.c \
	%D%/random.c \
	%D%/t_main.c \
	%D%/test.h
%C%_libtest_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

# What runs test bodies as tasks; for core's tests and all above, before TEST_LIBS.
check_LTLIBRARIES += %D%/libtrun.la
TRUN_LIBS = %D%/libtrun.la $(TEST_LIBS)
%C%_libtrun_la_SOURCES = %D%/t_debug.h %D%/t_peer.c %D%/t_peer.h %D%/t_run.c %D%/t_run.h
%C%_libtrun_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

CHECK_LONG += '$(srcdir)/%D%/valgrind-all'
EXTRA_DIST += %D%/long-part %D%/valgrind-all %D%/valgrind.supp
