# tests/core: link their floor's library and those below, no more; the linker checks the floors.
core_tests = \
	%D%/test_aio_cancel \
	%D%/test_aio_eager \
	%D%/test_aio_gather \
	%D%/test_aio_group \
	%D%/test_aio_loop \
	%D%/test_aio_shield \
	%D%/test_aio_signal \
	%D%/test_aio_sleep \
	%D%/test_aio_task \
	%D%/test_aio_timeout \
	%D%/test_aio_wait \
	%D%/test_aio_wait_for \
	%D%/test_bad_input \
	%D%/test_barrier \
	%D%/test_broadcast \
	%D%/test_call \
	%D%/test_capacity \
	%D%/test_case \
	%D%/test_channel \
	%D%/test_channel_model \
	%D%/test_completion \
	%D%/test_condition \
	%D%/test_context \
	%D%/test_coro \
	%D%/test_counters \
	%D%/test_crash \
	%D%/test_defer \
	%D%/test_describe \
	%D%/test_dump \
	%D%/test_debug \
	%D%/test_debug_open \
	%D%/test_debug_task \
	%D%/test_event \
	%D%/test_future \
	%D%/test_future_thread \
	%D%/test_gather \
	%D%/test_group \
	%D%/test_group_create \
	%D%/test_group_kinds \
	%D%/test_home \
	%D%/test_hooks \
	%D%/test_inspect \
	%D%/test_fd_closing \
	%D%/test_inspect_socket \
	%D%/test_io \
	%D%/test_limiter \
	%D%/test_lock \
	%D%/test_loop \
	%D%/test_main \
	%D%/test_misuse \
	%D%/test_once \
	%D%/test_post \
	%D%/test_publish_model \
	%D%/test_queue \
	%D%/test_queue_model \
	%D%/test_queue_order \
	%D%/test_queue_shutdown \
	%D%/test_remote \
	%D%/test_rollout \
	%D%/test_run \
	%D%/test_runner \
	%D%/test_rwlock \
	%D%/test_scope \
	%D%/test_scope_model \
	%D%/test_select \
	%D%/test_semaphore \
	%D%/test_service \
	%D%/test_signal \
	%D%/test_signal_stream \
	%D%/test_spawn_modes \
	%D%/test_stack \
	%D%/test_start \
	%D%/test_starved \
	%D%/test_sync_model \
	%D%/test_task \
	%D%/test_task_end \
	%D%/test_task_view \
	%D%/test_test \
	%D%/test_test_orders \
	%D%/test_thread \
	%D%/test_thread_pool \
	%D%/test_thread_pool_end \
	%D%/test_tidy \
	%D%/test_timeout \
	%D%/test_timer \
	%D%/test_trace \
	%D%/test_wait \
	%D%/test_wait_group \
	%D%/test_wait_model \
	%D%/test_wait_queue \
	%D%/test_watch \
	%D%/test_wheel
core_test_libs = $(TRUN_LIBS) $(CORE_LIBS) $(CHECK_LIBS)
core_test_flags = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_PROGRAMS += $(core_tests)

%C%_test_aio_cancel_CFLAGS = $(core_test_flags)
%C%_test_aio_cancel_LDADD = $(core_test_libs)
%C%_test_aio_eager_CFLAGS = $(core_test_flags)
%C%_test_aio_eager_LDADD = $(core_test_libs)
%C%_test_aio_gather_CFLAGS = $(core_test_flags)
%C%_test_aio_gather_LDADD = $(core_test_libs)
%C%_test_aio_group_CFLAGS = $(core_test_flags)
%C%_test_aio_group_LDADD = $(core_test_libs)
%C%_test_aio_loop_CFLAGS = $(core_test_flags)
%C%_test_aio_loop_LDADD = $(core_test_libs)
%C%_test_aio_shield_CFLAGS = $(core_test_flags)
%C%_test_aio_shield_LDADD = $(core_test_libs)
%C%_test_aio_signal_CFLAGS = $(core_test_flags)
%C%_test_aio_signal_LDADD = $(core_test_libs)
%C%_test_aio_sleep_CFLAGS = $(core_test_flags)
%C%_test_aio_sleep_LDADD = $(core_test_libs)
%C%_test_aio_task_CFLAGS = $(core_test_flags)
%C%_test_aio_task_LDADD = $(core_test_libs)
%C%_test_aio_timeout_CFLAGS = $(core_test_flags)
%C%_test_aio_timeout_LDADD = $(core_test_libs)
%C%_test_aio_wait_CFLAGS = $(core_test_flags)
%C%_test_aio_wait_LDADD = $(core_test_libs)
%C%_test_aio_wait_for_CFLAGS = $(core_test_flags)
%C%_test_aio_wait_for_LDADD = $(core_test_libs)
%C%_test_broadcast_CFLAGS = $(core_test_flags)
%C%_test_broadcast_LDADD = $(core_test_libs)
%C%_test_call_CFLAGS = $(core_test_flags)
%C%_test_call_LDADD = $(core_test_libs)
%C%_test_capacity_CFLAGS = $(core_test_flags)
%C%_test_capacity_LDADD = $(core_test_libs)
%C%_test_case_CFLAGS = $(core_test_flags)
%C%_test_case_LDADD = $(core_test_libs)
%C%_test_channel_CFLAGS = $(core_test_flags)
%C%_test_channel_LDADD = $(core_test_libs)
%C%_test_channel_model_CFLAGS = $(core_test_flags)
%C%_test_channel_model_LDADD = $(core_test_libs)
%C%_test_completion_CFLAGS = $(core_test_flags)
%C%_test_completion_LDADD = $(core_test_libs)
%C%_test_context_CFLAGS = $(core_test_flags)
%C%_test_context_LDADD = $(core_test_libs)
%C%_test_coro_CFLAGS = $(core_test_flags)
%C%_test_coro_LDADD = $(core_test_libs) -lm
%C%_test_counters_CFLAGS = $(core_test_flags)
%C%_test_counters_LDADD = $(core_test_libs)
%C%_test_crash_CFLAGS = $(core_test_flags)
%C%_test_crash_LDADD = $(core_test_libs)
%C%_test_defer_CFLAGS = $(core_test_flags)
%C%_test_defer_LDADD = $(core_test_libs)
%C%_test_describe_CFLAGS = $(core_test_flags)
%C%_test_describe_LDADD = $(core_test_libs)
%C%_test_dump_CFLAGS = $(core_test_flags)
%C%_test_dump_LDADD = $(core_test_libs)
%C%_test_debug_CFLAGS = $(core_test_flags)
%C%_test_debug_LDADD = $(core_test_libs)
%C%_test_debug_open_CFLAGS = $(core_test_flags)
%C%_test_debug_open_LDADD = $(core_test_libs)
%C%_test_debug_task_CFLAGS = $(core_test_flags)
%C%_test_debug_task_LDADD = $(core_test_libs)
%C%_test_event_CFLAGS = $(core_test_flags)
%C%_test_event_LDADD = $(core_test_libs)
%C%_test_future_CFLAGS = $(core_test_flags)
%C%_test_future_LDADD = $(core_test_libs)
%C%_test_future_thread_CFLAGS = $(core_test_flags)
%C%_test_future_thread_LDADD = $(core_test_libs)
%C%_test_gather_CFLAGS = $(core_test_flags)
%C%_test_gather_LDADD = $(core_test_libs)
%C%_test_group_CFLAGS = $(core_test_flags)
%C%_test_group_LDADD = $(core_test_libs)
%C%_test_group_create_CFLAGS = $(core_test_flags)
%C%_test_group_create_LDADD = $(core_test_libs)
%C%_test_group_kinds_CFLAGS = $(core_test_flags)
%C%_test_group_kinds_LDADD = $(core_test_libs)
%C%_test_hooks_CFLAGS = $(core_test_flags)
%C%_test_hooks_LDADD = $(core_test_libs)
%C%_test_inspect_CFLAGS = $(core_test_flags)
%C%_test_inspect_LDADD = $(core_test_libs)
%C%_test_fd_closing_CFLAGS = $(core_test_flags)
%C%_test_fd_closing_LDADD = $(core_test_libs)
%C%_test_inspect_socket_CFLAGS = $(core_test_flags)
%C%_test_inspect_socket_LDADD = $(core_test_libs)
%C%_test_io_CFLAGS = $(core_test_flags)
%C%_test_io_LDADD = $(core_test_libs)
%C%_test_lock_CFLAGS = $(core_test_flags)
%C%_test_lock_LDADD = $(core_test_libs)
%C%_test_loop_CFLAGS = $(core_test_flags)
%C%_test_loop_LDADD = $(core_test_libs)
%C%_test_main_CFLAGS = $(core_test_flags)
%C%_test_main_LDADD = $(core_test_libs)
%C%_test_queue_CFLAGS = $(core_test_flags)
%C%_test_queue_LDADD = $(core_test_libs)
%C%_test_queue_shutdown_CFLAGS = $(core_test_flags)
%C%_test_queue_shutdown_LDADD = $(core_test_libs)
%C%_test_remote_CFLAGS = $(core_test_flags)
%C%_test_remote_LDADD = $(core_test_libs)
%C%_test_rollout_CFLAGS = $(core_test_flags)
%C%_test_rollout_LDADD = $(core_test_libs)
%C%_test_run_CFLAGS = $(core_test_flags)
%C%_test_run_LDADD = $(core_test_libs)
%C%_test_scope_CFLAGS = $(core_test_flags)
%C%_test_scope_LDADD = $(core_test_libs)
%C%_test_scope_model_SOURCES = %D%/scope_model.h %D%/scope_world.h %D%/test_scope_model.c
%C%_test_scope_model_CFLAGS = $(core_test_flags)
%C%_test_scope_model_LDADD = $(core_test_libs)
%C%_test_select_CFLAGS = $(core_test_flags)
%C%_test_select_LDADD = $(core_test_libs)
%C%_test_semaphore_CFLAGS = $(core_test_flags)
%C%_test_semaphore_LDADD = $(core_test_libs)
%C%_test_service_CFLAGS = $(core_test_flags)
%C%_test_service_LDADD = $(core_test_libs)
%C%_test_signal_CFLAGS = $(core_test_flags)
%C%_test_signal_LDADD = $(core_test_libs)
%C%_test_signal_stream_CFLAGS = $(core_test_flags)
%C%_test_signal_stream_LDADD = $(core_test_libs)
%C%_test_spawn_modes_CFLAGS = $(core_test_flags)
%C%_test_spawn_modes_LDADD = $(core_test_libs)
%C%_test_stack_CFLAGS = $(core_test_flags)
%C%_test_stack_LDADD = $(core_test_libs)
%C%_test_start_CFLAGS = $(core_test_flags)
%C%_test_start_LDADD = $(core_test_libs)
%C%_test_task_CFLAGS = $(core_test_flags)
%C%_test_task_LDADD = $(core_test_libs)
%C%_test_task_end_CFLAGS = $(core_test_flags)
%C%_test_task_end_LDADD = $(core_test_libs)
%C%_test_task_view_CFLAGS = $(core_test_flags)
%C%_test_task_view_LDADD = $(core_test_libs)
%C%_test_test_SOURCES = %D%/test_test.c %D%/told.c %D%/told.h
%C%_test_test_CFLAGS = $(core_test_flags)
%C%_test_test_LDADD = $(core_test_libs)
%C%_test_test_orders_SOURCES = %D%/test_test_orders.c %D%/told.c %D%/told.h
%C%_test_test_orders_CFLAGS = $(core_test_flags)
%C%_test_test_orders_LDADD = $(core_test_libs)
%C%_test_thread_CFLAGS = $(core_test_flags)
%C%_test_thread_LDADD = $(core_test_libs)
%C%_test_thread_pool_SOURCES = %D%/test_thread_pool.c %D%/jobs.h
%C%_test_thread_pool_CFLAGS = $(core_test_flags)
%C%_test_thread_pool_LDADD = $(core_test_libs)
%C%_test_thread_pool_end_SOURCES = %D%/test_thread_pool_end.c %D%/jobs.h
%C%_test_thread_pool_end_CFLAGS = $(core_test_flags)
%C%_test_thread_pool_end_LDADD = $(core_test_libs)
%C%_test_tidy_CFLAGS = $(core_test_flags)
%C%_test_tidy_LDADD = $(core_test_libs)
%C%_test_timeout_CFLAGS = $(core_test_flags)
%C%_test_timeout_LDADD = $(core_test_libs)
%C%_test_trace_CFLAGS = $(core_test_flags)
%C%_test_trace_LDADD = $(core_test_libs)
%C%_test_timer_CFLAGS = $(core_test_flags)
%C%_test_timer_LDADD = $(core_test_libs)
%C%_test_wait_CFLAGS = $(core_test_flags)
%C%_test_wait_LDADD = $(core_test_libs)
%C%_test_wheel_CFLAGS = $(core_test_flags)
%C%_test_wheel_LDADD = $(core_test_libs)
%C%_test_watch_CFLAGS = $(core_test_flags)
%C%_test_watch_LDADD = $(core_test_libs)
%C%_test_condition_CFLAGS = $(core_test_flags)
%C%_test_condition_LDADD = $(core_test_libs)
%C%_test_barrier_CFLAGS = $(core_test_flags)
%C%_test_barrier_LDADD = $(core_test_libs)
%C%_test_runner_CFLAGS = $(core_test_flags)
%C%_test_runner_LDADD = $(core_test_libs)
%C%_test_rwlock_CFLAGS = $(core_test_flags)
%C%_test_rwlock_LDADD = $(core_test_libs)
%C%_test_once_CFLAGS = $(core_test_flags)
%C%_test_once_LDADD = $(core_test_libs)
%C%_test_post_CFLAGS = $(core_test_flags)
%C%_test_post_LDADD = $(core_test_libs)
%C%_test_publish_model_CFLAGS = $(core_test_flags)
%C%_test_publish_model_LDADD = $(core_test_libs)
%C%_test_wait_group_CFLAGS = $(core_test_flags)
%C%_test_wait_group_LDADD = $(core_test_libs)
%C%_test_wait_queue_CFLAGS = $(core_test_flags)
%C%_test_wait_queue_LDADD = $(core_test_libs)
%C%_test_limiter_CFLAGS = $(core_test_flags)
%C%_test_limiter_LDADD = $(core_test_libs)
%C%_test_queue_order_CFLAGS = $(core_test_flags)
%C%_test_queue_order_LDADD = $(core_test_libs)
%C%_test_sync_model_SOURCES = %D%/test_sync_model.c %D%/actors.c %D%/actors.h
%C%_test_sync_model_CFLAGS = $(core_test_flags)
%C%_test_sync_model_LDADD = $(core_test_libs)
%C%_test_wait_model_SOURCES = %D%/test_wait_model.c %D%/actors.c %D%/actors.h
%C%_test_wait_model_CFLAGS = $(core_test_flags)
%C%_test_wait_model_LDADD = $(core_test_libs)
%C%_test_queue_model_SOURCES = %D%/test_queue_model.c %D%/actors.c %D%/actors.h
%C%_test_queue_model_CFLAGS = $(core_test_flags)
%C%_test_queue_model_LDADD = $(core_test_libs)
%C%_test_home_CFLAGS = $(core_test_flags)
%C%_test_home_LDADD = $(core_test_libs)
%C%_test_starved_CFLAGS = $(core_test_flags)
%C%_test_starved_LDADD = $(core_test_libs)
%C%_test_misuse_CFLAGS = $(core_test_flags)
%C%_test_misuse_LDADD = $(core_test_libs)
%C%_test_bad_input_CFLAGS = $(core_test_flags)
%C%_test_bad_input_LDADD = $(core_test_libs)

dist_check_SCRIPTS += %D%/test-switches
EXTRA_DIST += %D%/not_applicable.md %D%/switches.c

CHECK_LONG += 'PROA_TEST_SEEDS=10000000 CK_DEFAULT_TIMEOUT=3600 %D%/test_scope_model'
CHECK_LONG += 'PROA_TEST_SEEDS=2000000 CK_DEFAULT_TIMEOUT=3600 %D%/test_channel_model'
CHECK_LONG += 'PROA_TEST_SEEDS=500000 CK_DEFAULT_TIMEOUT=3600 %D%/test_publish_model'
CHECK_LONG += 'PROA_TEST_SEEDS=500000 CK_DEFAULT_TIMEOUT=3600 %D%/test_queue_model'
CHECK_LONG += 'PROA_TEST_SEEDS=500000 CK_DEFAULT_TIMEOUT=3600 %D%/test_sync_model'
CHECK_LONG += 'PROA_TEST_SEEDS=500000 CK_DEFAULT_TIMEOUT=3600 %D%/test_wait_model'
CHECK_LONG += 'set -e; for t in $(core_tests); do PROA_TEST_SHUFFLES=200 CK_DEFAULT_TIMEOUT=600 ./$$t; done'
CHECK_LONG += 'set -e; for t in $(core_tests); do PROA_TEST_EAGER=1 CK_DEFAULT_TIMEOUT=600 ./$$t; done'
CHECK_LONG += 'set -e; for t in $(core_tests); do PROA_TEST_SHUFFLE=7 CK_DEFAULT_TIMEOUT=600 ./$$t; done'

# What threads, signals and other processes have to do with.
CHECK_LONG += '$(top_srcdir)/tools/test -b build-long/tsan -t check-threads-long --enable-sanitize=thread --disable-shared'
THREAD_TESTS += %D%/test_counters %D%/test_group_create %D%/test_inspect_socket %D%/test_loop %D%/test_main %D%/test_rollout \
	%D%/test_run %D%/test_signal %D%/test_task_end %D%/test_thread %D%/test_thread_pool \
	%D%/test_thread_pool_end %D%/test_remote %D%/test_post %D%/test_timer %D%/test_future_thread %D%/test_home
