# core: tasks and the loop; may include base.
CORE_LIBS = $(BASE_LIBS)
# With the first source file, all of this instead of the line above:
#CORE_LIBS = %D%/libcore.la $(BASE_LIBS)
#noinst_LTLIBRARIES += %D%/libcore.la
#FLOOR_LIBS += %D%/libcore.la
#%C%_libcore_la_SOURCES = %D%/a.c %D%/a.h
#%C%_libcore_la_CFLAGS  = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
#%C%_libcore_la_LIBADD  = $(LIBEVENT_LIBS) -lpthread
