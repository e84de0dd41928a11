#include "core/crash.h"
#include "core/loop.h"
#include "core/stack.h"
#include "core/task.h"
#include "support/t_run.h"

#include <proa/call.h>
#include <proa/fault.h>
#include <proa/task.h>
#include <proa/thread.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 2048

#ifndef PROA_SANITIZED /* a sanitizer has handlers of its own, and they stay */

/* ---- children that die */

/* Run body() in a child until a signal ends it; what it wrote. */
static void die_by(int signo, void (*body)(void), char said[SAID_MAX])
{
    size_t n = 0;
    ssize_t got;
    int fds[2];
    int status;
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(fds[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(fds[1]);
    while (n < SAID_MAX - 1 && (got = read(fds[0], said + n, SAID_MAX - 1 - n)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    close(fds[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signo,
                  "not ended by signal %d (status %#x); it wrote: %s", signo, (unsigned)status,
                  said);
}

static void says(const char *said, const char *words)
{
    ck_assert_msg(strstr(said, words), "without the words \"%s\"; it wrote: %s", words, said);
}

static void says_not(const char *said, const char *words)
{
    ck_assert_msg(!strstr(said, words), "with the words \"%s\"; it wrote: %s", words, said);
}

static T_AS_WRITTEN int recurse(int n)
{
    volatile char frame[512];

    memset((char *)(uintptr_t)frame, n, sizeof frame);
    return n < 0 ? 0 : recurse(n + 1) + frame[n % 512];
}

static int overflow(void *arg)
{
    (void)arg;
    return recurse(0);
}

static int write_to_null(void *arg)
{
    volatile int *volatile nowhere = (volatile int *)8; /* volatile: gcc sees through this */

    (void)arg;
    *nowhere = 1;
    return 0;
}

static int run_named(proa_task_fn *fn, const char *name, size_t stack_size)
{
    struct proa_task_ref ref;
    int rc = proa_create_task_opts(NULL, &ref, fn, NULL,
                                   PROA_TASK_OPTS(.name = name, .stack_size = stack_size));

    return rc < 0 ? rc : proa_task_join(ref);
}

/* ---- a stack that is used up */

static int overflow_reader(void *arg)
{
    (void)arg;
    return run_named(overflow, "reader", 0);
}
static void overflow_by_name(void)
{
    proa_run(overflow_reader, NULL, NULL);
}
START_TEST(a_task_that_overflows_its_stack_is_named_with_the_stacks_size)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, overflow_by_name, said);
    says(said, "proa: task reader overflowed its stack of 64 KiB; give it more with .stack_size\n");
    says_not(said, "SIGSEGV at");
}
END_TEST

static int overflow_small_body(void *arg)
{
    (void)arg;
    return run_named(overflow, NULL, 16384);
}
static void overflow_small(void)
{
    proa_run(overflow_small_body, NULL, NULL);
}
START_TEST(an_unnamed_task_is_named_by_its_number)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, overflow_small, said);
    says(said, "proa: task task-2 overflowed its stack of 16 KiB");
}
END_TEST

static void overflow_with(enum stack_guard guard)
{
    proa__stack_force(guard, 0);
    overflow_by_name();
}
static void overflow_protect(void)
{
    overflow_with(STACK_GUARD_PROTECT);
}
static void overflow_marker(void)
{
    overflow_with(STACK_GUARD_MARKER);
}
START_TEST(each_kind_of_guard_tells_of_an_overflow)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, overflow_protect, said);
    says(said, "task reader overflowed its stack of 64 KiB");
    if (proa__stack_guard() != STACK_GUARD_MARKER)
        return; /* this kernel has none */
    die_by(SIGSEGV, overflow_marker, said);
    says(said, "task reader overflowed its stack of 64 KiB");
}
END_TEST

/* ---- other faults */

static int null_in_task_body(void *arg)
{
    (void)arg;
    return run_named(write_to_null, "writer", 0);
}
static void null_in_task(void)
{
    proa_run(null_in_task_body, NULL, NULL);
}
START_TEST(another_fault_names_the_running_task_and_the_place)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, null_in_task, said);
    says(said, "proa: SIGSEGV at address 0x8 while task writer ran, in ");
    says(said, "test_crash(+0x");
    says_not(said, "overflowed");
    ck_assert_ptr_eq(strchr(said, '\n') + 1, said + strlen(said)); /* one line */
}
END_TEST

static void null_in_debug_mode(void)
{
    proa_run(null_in_task_body, NULL, PROA_RUN_OPTS(.debug = true));
}
START_TEST(in_debug_mode_a_fault_has_a_backtrace)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, null_in_debug_mode, said);
    says(said, "while task writer ran");
    says(said, "\nproa:     ");
}
END_TEST

static int beyond_a_file_body(void *arg)
{
    char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(tmpfile()), 0);

    (void)arg;
    return *(volatile char *)page;
}
static void beyond_a_file(void)
{
    proa_run(beyond_a_file_body, NULL, NULL);
}
START_TEST(a_bus_error_is_told_as_well)
{
    static char said[SAID_MAX];

    die_by(SIGBUS, beyond_a_file, said);
    says(said, "proa: SIGBUS at address 0x");
    says(said, "while task main ran");
}
END_TEST

#ifdef __x86_64__
static int read_garbage(void *arg)
{
    const volatile int *garbage = (const volatile int *)(uintptr_t)0x6b6b6b6b6b6b6b6b;

    (void)arg;
    return *garbage;
}
static void garbage_in_task(void)
{
    proa_run(read_garbage, NULL, NULL);
}
/* Freed memory that was overwritten: no pointer to NULL. */
START_TEST(an_address_that_is_not_told_is_not_zero)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, garbage_in_task, said);
    says(said,
         "proa: SIGSEGV at an address that the kernel does not tell while task main ran, in ");
    says_not(said, "at address");
}
END_TEST
#endif

static int sent_body(void *arg)
{
    (void)arg;
    return raise(SIGSEGV);
}
static void sent(void)
{
    proa_run(sent_body, NULL, NULL);
}
START_TEST(a_signal_that_was_sent_still_ends_the_process)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, sent, said);
    says(said, "proa: SIGSEGV sent by process ");
}
END_TEST

static void write_soon(void *arg)
{
    write_to_null(arg);
}
static int callback_body(void *arg)
{
    struct soon soon = {0};

    (void)arg;
    proa__loop_soon(proa__loop_current(), &soon, write_soon, NULL);
    return proa_sleep(PROA_SEC);
}
static void callback(void)
{
    proa_run(callback_body, NULL, NULL);
}
START_TEST(a_fault_of_a_callback_is_no_tasks)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, callback, said);
    says(said, "SIGSEGV at address 0x8 in the loop or a callback of it, in ");
    says_not(said, "used up");
}
END_TEST

static void overflow_soon(void *arg)
{
    overflow(arg);
}
static int do_little(void *arg)
{
    (void)arg;
    return 0;
}
static int overflow_callback_body(void *arg)
{
    struct proa_task_ref ref;

    setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 1 << 20});
    if (arg)
        return proa_call_on_big_stack(overflow, NULL);
    ck_ok(proa_create_task_opts(NULL, &ref, do_little, NULL, NULL));
    ck_ok(proa_task_on_done(ref, NULL, overflow_soon, NULL));
    return proa_sleep(PROA_SEC);
}
static void overflow_done_callback(void)
{
    proa_run(overflow_callback_body, NULL, NULL);
}
static void overflow_big_stack(void)
{
    proa_run(overflow_callback_body, (char[1]){0}, NULL);
}
START_TEST(a_callback_that_overflows_the_threads_stack_is_told_so)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, overflow_done_callback, said);
    says(said, " in the loop or a callback of it, in test_crash(+0x");
    says(said, "; its thread's stack is used up\n");
    die_by(SIGSEGV, overflow_big_stack, said);
    says(said, "; its thread's stack is used up\n");
}
END_TEST

static int take_fault(const struct proa_fault *fault, void *arg)
{
    (void)fault;
    return overflow(arg);
}
static int break_down(void *arg)
{
    (void)arg;
    return PROA_EPIPE;
}
static int fault_body(void *arg)
{
    proa_fault_set(take_fault, arg);
    ck_ok(proa_create_task_opts(NULL, NULL, break_down, NULL, PROA_TASK_OPTS(.name = "failing")));
    return proa_sleep(PROA_SEC);
}
static void fault(void)
{
    proa_run(fault_body, NULL, NULL);
}
START_TEST(who_is_told_of_a_tasks_end_overflows_that_tasks_stack)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, fault, said);
    says(said, "task failing overflowed its stack of 64 KiB");
}
END_TEST

static T_AS_WRITTEN int send_deep(ptrdiff_t left, int signo)
{
    volatile char frame[128];
    const char *here = __builtin_frame_address(0);

    memset((char *)(uintptr_t)frame, 1, sizeof frame);
    if (here - proa__task_here->coro.stack.low > left)
        return send_deep(left, signo) + frame[signo];
    return kill(getpid(), signo) + frame[signo];
}
static void do_nothing(int signo)
{
    (void)signo;
}
static int no_room_body(void *arg)
{
    (void)arg;
    signal(SIGUSR1, do_nothing); /* on the stack of who is interrupted */
    send_deep(PTRDIFF_MAX, 0);   /* what it calls has been linked then */
    send_deep(800, SIGUSR1);
    return 0;
}
static void no_room(void)
{
    proa_run(no_room_body, NULL, NULL);
}
/* The fault is the kernel's, in no instruction that would do it again. */
START_TEST(a_handler_that_the_stack_has_no_room_for_ends_the_process)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, no_room, said);
    says(said, "while task main ran");
}
END_TEST

/* ---- threads */

static int to_thread_body(void *arg)
{
    (void)arg;
    return proa_to_thread(write_to_null, NULL, NULL);
}
static void to_thread(void)
{
    proa_run(to_thread_body, NULL, NULL);
}
START_TEST(a_fault_of_a_helper_thread_is_no_tasks)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, to_thread, said);
    says(said, "SIGSEGV at address 0x8 in a thread without a loop");
    says_not(said, "task ");
}
END_TEST

static pthread_barrier_t both;

static int wait_for_other(void *arg)
{
    pthread_barrier_wait(&both);
    return arg ? run_named(overflow, "second", 0) : proa_sleep(60 * PROA_SEC);
}
static void *second_loop(void *arg)
{
    proa_run(wait_for_other, arg, NULL);
    return NULL;
}
static void two_loops(void)
{
    pthread_t thread;

    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&thread, NULL, second_loop, &both);
    proa_run(wait_for_other, NULL, NULL);
}
START_TEST(each_loops_thread_has_a_stack_for_its_handlers)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, two_loops, said);
    says(said, "task second overflowed its stack of 64 KiB");
}
END_TEST

/* ---- the handlers */

static bool is_default(int signo)
{
    struct sigaction now;

    sigaction(signo, NULL, &now);
    return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

static bool has_alternate_stack(void)
{
    stack_t stack;

    return sigaltstack(NULL, &stack) == 0 && !(stack.ss_flags & SS_DISABLE);
}

static int installed_body(void *arg)
{
    (void)arg;
    ck_assert(!is_default(SIGSEGV));
    ck_assert(!is_default(SIGBUS));
    ck_assert(has_alternate_stack());
    return 0;
}
START_TEST(after_the_last_loop_all_is_as_it_was)
{
    ck_assert(!has_alternate_stack());
    for (int i = 0; i < 2; i++) {
        ck_ok(proa_run(installed_body, NULL, NULL));
        ck_assert(is_default(SIGSEGV));
        ck_assert(is_default(SIGBUS));
        ck_assert(!has_alternate_stack());
    }
}
END_TEST

static void *run_installed(void *arg)
{
    proa_run(installed_body, arg, NULL);
    return NULL;
}
static int other_thread_body(void *arg)
{
    pthread_t thread;

    pthread_create(&thread, NULL, run_installed, NULL);
    pthread_join(thread, NULL);
    return installed_body(arg);
}
START_TEST(a_loop_that_ends_leaves_the_handlers_to_the_others)
{
    ck_ok(proa_run(other_thread_body, NULL, NULL));
    ck_assert(is_default(SIGSEGV));
}
END_TEST

static void program_handler(int signo)
{
    (void)signo;
    if (write(STDERR_FILENO, "the program's\n", 14) < 0)
        _exit(1);
    signal(SIGSEGV, SIG_DFL);
}
static void handled_by_program(void)
{
    signal(SIGSEGV, program_handler);
    null_in_task();
}
START_TEST(a_handler_of_the_program_stays)
{
    static char said[SAID_MAX];

    die_by(SIGSEGV, handled_by_program, said);
    ck_assert_str_eq(said, "the program's\n");
}
END_TEST

static void program_action(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    (void)context;
}
static int take_over_body(void *arg)
{
    (void)arg;
    return sigaction(
        SIGBUS, &(struct sigaction){.sa_sigaction = program_action, .sa_flags = SA_SIGINFO}, NULL);
}
START_TEST(a_handler_that_was_set_meanwhile_stays)
{
    struct sigaction now;

    ck_ok(proa_run(take_over_body, NULL, NULL));
    sigaction(SIGBUS, NULL, &now);
    ck_assert_ptr_eq(now.sa_sigaction, program_action);
    ck_assert(is_default(SIGSEGV));
}
END_TEST

#endif /* PROA_SANITIZED */

/* ---- stacks without a guard */

static T_AS_WRITTEN int write_below(size_t n)
{
    char *low = proa__task_here->coro.stack.low;

    memset(low - n, 1, n);
    return 0;
}

static int spill(void *then_sleep)
{
    write_below(8);
    return then_sleep ? proa_sleep(PROA_MS) : 0;
}

static int canary_body(void *arg)
{
    struct proa_task_ref ref;

    ck_ok(proa_create_task_opts(NULL, &ref, spill, arg,
                                PROA_TASK_OPTS(.name = "spiller", .stack_size = 32768)));
    return proa_task_join(ref);
}
static void canary(void *arg)
{
    proa__stack_force(STACK_GUARD_CANARY, 0);
    proa_run(canary_body, arg, NULL);
}
START_TEST(without_a_guard_the_next_switch_names_task_and_size)
{
#ifdef PROA_SANITIZED
    const char *words = "task spiller overflowed its stack of 128 KiB";
#else
    const char *words = "task spiller overflowed its stack of 32 KiB; give it more with";
#endif
    char yes;

    t_aborts(canary, &yes, words);
    t_aborts(canary, NULL, words); /* at its end */
}
END_TEST

static int innocent(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_MS);
}

/* Both on one stack: the second goes on where the first has ended. */
static int one_after_the_other_body(void *next)
{
    ck_ok(proa_create_task_opts(NULL, NULL, spill, NULL, PROA_TASK_OPTS(.name = "spiller")));
    if (next)
        ck_ok(proa_create_task_opts(NULL, NULL, innocent, NULL, PROA_TASK_OPTS(.name = "next")));
    return proa_sleep(PROA_MS);
}
static void one_after_the_other(void *next)
{
    proa__stack_force(STACK_GUARD_CANARY, 0);
    proa_run(one_after_the_other_body, next, NULL);
}
START_TEST(without_a_guard_a_task_that_ended_is_named_not_the_next_on_its_stack)
{
    char yes;

    t_aborts(one_after_the_other, &yes, "task spiller overflowed its stack of ");
    t_aborts(one_after_the_other, NULL, "task spiller overflowed its stack of ");
}
END_TEST

int main(void)
{
    return t_main("crash", (const TTest *const[]){
#ifndef PROA_SANITIZED
                               a_task_that_overflows_its_stack_is_named_with_the_stacks_size,
                               an_unnamed_task_is_named_by_its_number,
                               each_kind_of_guard_tells_of_an_overflow,
                               another_fault_names_the_running_task_and_the_place,
                               in_debug_mode_a_fault_has_a_backtrace,
                               a_bus_error_is_told_as_well,
#ifdef __x86_64__
                               an_address_that_is_not_told_is_not_zero,
#endif
                               a_signal_that_was_sent_still_ends_the_process,
                               a_callback_that_overflows_the_threads_stack_is_told_so,
                               who_is_told_of_a_tasks_end_overflows_that_tasks_stack,
                               a_handler_that_the_stack_has_no_room_for_ends_the_process,
                               a_fault_of_a_callback_is_no_tasks,
                               a_fault_of_a_helper_thread_is_no_tasks,
                               each_loops_thread_has_a_stack_for_its_handlers,
                               after_the_last_loop_all_is_as_it_was,
                               a_loop_that_ends_leaves_the_handlers_to_the_others,
                               a_handler_of_the_program_stays,
                               a_handler_that_was_set_meanwhile_stays,
#endif
                               without_a_guard_the_next_switch_names_task_and_size,
                               without_a_guard_a_task_that_ended_is_named_not_the_next_on_its_stack,
                               NULL,
                           });
}
