# tests/support: what all tests share. TEST_LIBS: the part for base's tests (no loop).
TEST_LIBS =
#check_LTLIBRARIES += %D%/libtest.la
#TEST_LIBS = %D%/libtest.la
#%C%_libtest_la_SOURCES = %D%/t_main.c %D%/t_main.h
#%C%_libtest_la_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
