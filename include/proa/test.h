#ifndef PROA_TEST_H
#define PROA_TEST_H

/*
 * test: a kit for the tests of programs that use proa; with any framework, or with none.
 *
 *     PROA_TEST(a_slow_answer_is_given_up)
 *     {
 *         PROA_EXPECT_RC(PROA_WITHIN(5 * PROA_SEC, ask()), PROA_ETIMEDOUT);
 *         return 0;
 *     }
 *     PROA_TEST_MAIN
 *
 * A test body is the main task of a fresh loop with a virtual clock, so that nothing sleeps. It
 * fails if it returns an error, if an expectation was not met, or if it leaves anything behind:
 * tasks, calls, timers, descriptors, memory; each is named on standard error. And it is run in many
 * orders: a program that relies on which of two ready tasks runs first is found out.
 */

#include <proa/task.h>
#include <proa/test_mem.h>

PROA_BEGIN_DECLS

struct proa_test_opts {
    size_t size;
    const char *name; /* in what is printed; default "test" */
    unsigned seeds;   /* random orders; 0: 10, or PROA_TEST_SHUFFLES of the environment */
    bool single;      /* one order only, that of the next two, in this process */
    bool eager;       /* with single: each new task runs at once */
    uint64_t seed;    /* with single: of a random order; 0: in turn */
    bool each_park;   /* also cancel it at each point where a task could learn of that */
    bool each_alloc;  /* also fail each allocation, alone and with all after it */
    bool real_clock;  /* time is the world's */
    int64_t timeout;  /* of the world's time for each call of the body; 0: a minute, or
                         PROA_TEST_TIMEOUT; PROA_FOREVER: none */
};
#define PROA_TEST_OPTS(...) PROA_OPTS(proa_test_opts, __VA_ARGS__)

/**
 * Run body(arg) as a test: tasks in the order of their creation, then each new task at once, then
 * in the random orders of some seeds, every other one of those eager as well.
 *
 * The body does all of its work anew each time. All these runs are made in one child process, so
 * that an assert or a crash fails the test and not its program. What failed is printed together
 * with the way to run only that: with PROA_TEST_SEED=6 in the environment just the order of seed 6
 * is run, in this process, for a debugger; also in-order, eager, park-3 and alloc-17. Then it is
 * run once more, in a child of its own.
 *
 * A body that does not return within a minute (.timeout, or PROA_TEST_TIMEOUT in seconds, 0 for
 * none; not in this process) has failed: all its tasks are printed, and its child ends.
 *
 * With .each_park the body may return PROA_ECANCELED or PROA_ETASKCANCELED, and with .each_alloc
 * PROA_ENOMEM, whenever that was provoked; it must not expect what they change, and must not leave
 * anything even then. Assertions that jump out of the body (longjmp) do not work in tasks.
 *
 * Errors:       what the body returned; PROA_ETEST (it left something behind, an expectation was
 *               not met, its process died, it was late), with the first of these in the words;
 *               PROA_EBUSY (a loop runs in this thread), PROA_EINVAL (a .timeout below 0; a
 *               PROA_TEST_SEED, PROA_TEST_SHUFFLES or PROA_TEST_TIMEOUT that is none), PROA_E2BIG,
 *               codes of the system.
 */
PROA_API int proa_test_run(proa_task_fn *body, void *arg, const struct proa_test_opts *opts);

/**
 * Let `ns` of the virtual clock pass, though something outside could still wake the loop: an open
 * socket, a thread, a watched signal. What was due by then comes first, in its order.
 *
 * When only tasks and timers are there proa_sleep does the same.
 *
 * Suspends:     yes.
 * Errors:       as proa_sleep. On a loop without a virtual clock the program is stopped.
 * Cancellation: time stays where it was when the call was cut.
 */
PROA_API PROA_SUSPENDS int proa_test_advance(int64_t ns);

/**
 * Note and print that an expectation of the test that runs here was not met. Returns `met`.
 */
PROA_API bool proa_test_expect(bool met, const char *what, const char *file, int line);

/**
 * Expect the code of a call: exactly `code`, or with `code` 0 any that is no failure. Returns `rc`.
 */
PROA_API long long proa_test_expect_rc(long long rc, int code, const char *what, const char *file,
                                       int line);

/* The test goes on after these, and fails when its body has returned. From its own thread only. */
#define PROA_EXPECT(cond) proa_test_expect((cond), #cond, __FILE__, __LINE__)
#define PROA_EXPECT_OK(call) proa_test_expect_rc((call), 0, #call, __FILE__, __LINE__)
#define PROA_EXPECT_RC(call, code) proa_test_expect_rc((call), (code), #call, __FILE__, __LINE__)

/** A test of a program of tests. */
struct proa_test {
    struct proa_test *next;
    const char *name;
    proa_task_fn *body; /* its arg is NULL */
    struct proa_test_opts opts;
};

/**
 * Add a test to those of this program.
 *
 * Ownership:    the struct lives as long as the program.
 */
PROA_API void proa_test_add(struct proa_test *test);

/**
 * Be the main of a program of tests: run those that are named in the arguments, or all, and print
 * the outcome as TAP. With -l list them.
 *
 * Returns 0 if all passed, 1 if not, 2 if an argument names no test.
 */
PROA_API int proa_test_main(int argc, char **argv);

#ifndef __cplusplus
/* PROA_TEST(name, options...) { body } defines a test; tests run in the order of their text. */
#define PROA_TEST(test_name, ...)                                                                  \
    static int test_name(void *arg);                                                               \
    __attribute__((constructor)) static void proa_test_add_##test_name(void)                       \
    {                                                                                              \
        static struct proa_test test = {                                                           \
            .name = #test_name,                                                                    \
            .body = test_name,                                                                     \
            .opts = {.size = sizeof(struct proa_test_opts), .name = #test_name, __VA_ARGS__},      \
        };                                                                                         \
        proa_test_add(&test);                                                                      \
    }                                                                                              \
    static int test_name(__attribute__((unused)) void *arg)

#define PROA_TEST_MAIN                                                                             \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return proa_test_main(argc, argv);                                                         \
    }
#endif

PROA_END_DECLS

#endif
