# core: tasks and the loop; may include base.
CORE_LIBS = %D%/libcore.la $(BASE_LIBS)
noinst_LTLIBRARIES += %D%/libcore.la
FLOOR_LIBS += %D%/libcore.la
%C%_libcore_la_SOURCES = \
	%D%/arm.h \
	%D%/barrier.c \
	%D%/big_stack.c \
	%D%/broadcast.c \
	%D%/call.c \
	%D%/call.h \
	%D%/case_timer.c \
	%D%/channel.c \
	%D%/completion.c \
	%D%/condition.c \
	%D%/context.c \
	%D%/context.h \
	%D%/coro.c \
	%D%/coro.h \
	%D%/event.c \
	%D%/fd.c \
	%D%/future.c \
	%D%/gather.c \
	%D%/group.c \
	%D%/group.h \
	%D%/home.c \
	%D%/home.h \
	%D%/io.c \
	%D%/io.h \
	%D%/limiter.c \
	%D%/lock.c \
	%D%/lock.h \
	%D%/loop.c \
	%D%/loop.h \
	%D%/main.c \
	%D%/main.h \
	%D%/main_crew.c \
	%D%/main_parent.c \
	%D%/main_sockets.c \
	%D%/main_talk.c \
	%D%/once.c \
	%D%/owned.c \
	%D%/owned.h \
	%D%/post.c \
	%D%/queue.c \
	%D%/queue_items.c \
	%D%/queue_items.h \
	%D%/reason.c \
	%D%/reason.h \
	%D%/remote.c \
	%D%/run.c \
	%D%/rwlock.c \
	%D%/sched.c \
	%D%/sched.h \
	%D%/scope.c \
	%D%/scope.h \
	%D%/select.c \
	%D%/semaphore.c \
	%D%/shuffle.c \
	%D%/signal.c \
	%D%/signal.h \
	%D%/signal_stream.c \
	%D%/sleep.c \
	%D%/stack.c \
	%D%/stack.h \
	%D%/stack_guard.c \
	%D%/stack_guard.h \
	%D%/start.c \
	%D%/start.h \
	%D%/switch.S \
	%D%/task.c \
	%D%/task.h \
	%D%/task_view.c \
	%D%/thread.c \
	%D%/thread.h \
	%D%/tidy.c \
	%D%/tidy.h \
	%D%/time_check.h \
	%D%/timeout.c \
	%D%/timer.c \
	%D%/timer.h \
	%D%/wait.c \
	%D%/wait.h \
	%D%/wait_group.c \
	%D%/wait_queue.c \
	%D%/watch.c
%C%_libcore_la_CFLAGS  = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
%C%_libcore_la_LIBADD  = $(LIBEVENT_LIBS) -lpthread
