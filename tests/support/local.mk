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
