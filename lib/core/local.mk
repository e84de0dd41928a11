# core: tasks and the loop; may include base.
CORE_LIBS = %D%/libcore.la $(BASE_LIBS)
noinst_LTLIBRARIES += %D%/libcore.la
FLOOR_LIBS += %D%/libcore.la
%C%_libcore_la_SOURCES = \
	%D%/big_stack.c \
	%D%/coro.c \
	%D%/coro.h \
	%D%/fd.c \
	%D%/group.h \
	%D%/io.c \
	%D%/io.h \
	%D%/loop.c \
	%D%/loop.h \
	%D%/post.c \
	%D%/remote.c \
	%D%/sched.h \
	%D%/scope.h \
	%D%/signal.c \
	%D%/signal.h \
	%D%/stack.c \
	%D%/stack.h \
	%D%/stack_guard.c \
	%D%/stack_guard.h \
	%D%/switch.S \
	%D%/task.h \
	%D%/thread.c \
	%D%/thread.h \
	%D%/timer.c \
	%D%/timer.h \
	%D%/wait.h
%C%_libcore_la_CFLAGS  = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
%C%_libcore_la_LIBADD  = $(LIBEVENT_LIBS) -lpthread
