# tests/client: link their floor's library and those below, no more; the linker checks the floors.
#check_PROGRAMS += %D%/test_x
#%C%_test_x_SOURCES = %D%/test_x.c
#%C%_test_x_CFLAGS  = $(AM_CFLAGS) $(CHECK_CFLAGS)
#%C%_test_x_LDADD   = $(TEST_LIBS) $(CLIENT_LIBS) $(CHECK_LIBS)
