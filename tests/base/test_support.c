#include "base/mem.h"
#include "support/alloc.h"
#include "support/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The tests' tools must find what they are there to find. */

/* Run `body` as a Check test of its own in a child; does it pass? */
static bool passes(const TTest *test)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        setenv("CK_VERBOSITY", "silent", 1);
        _exit(t_main("inner", (const TTest *const[]){test, NULL}));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static char *volatile kept; /* so that no sanitizer takes it for a leak */

START_TEST(inner_clean)
{
    proa__free(proa__alloc(10));
}
END_TEST

START_TEST(inner_leak)
{
    kept = proa__alloc(10);
}
END_TEST

START_TEST(inner_forgiven)
{
    kept = proa__alloc(10);
    t_alloc_forgive();
}
END_TEST

START_TEST(bytes_left_fail_the_test)
{
    ck_assert(passes(inner_clean));
    ck_assert(!passes(inner_leak));
    ck_assert(passes(inner_forgiven));
}
END_TEST

static int careful(void *arg)
{
    void *a = proa__alloc(10);
    void *b = a ? proa__realloc(NULL, 20) : NULL;

    (void)arg;
    proa__free(a);
    proa__free(b);
    return a && b ? 0 : PROA_ENOMEM;
}
static int leaky(void *arg)
{
    void *a = proa__alloc(10);
    void *b = proa__alloc(20);

    (void)arg;
    if (a && !b) {
        kept = a;
        return PROA_ENOMEM;
    }
    proa__free(a);
    proa__free(b);
    return a && b ? 0 : PROA_ENOMEM;
}
static int wrong_code(void *arg)
{
    void *a = proa__alloc(10);

    (void)arg;
    proa__free(a);
    return a ? 0 : PROA_EINVAL;
}
static int lavish(void *arg)
{
    (void)arg;
    return 0;
}
START_TEST(inner_each_careful)
{
    t_each_alloc(careful, NULL);
}
END_TEST
START_TEST(inner_each_leaky)
{
    t_each_alloc(leaky, NULL);
}
END_TEST
START_TEST(inner_each_wrong_code)
{
    t_each_alloc(wrong_code, NULL);
}
END_TEST
START_TEST(inner_each_nothing)
{
    t_each_alloc(lavish, NULL);
}
END_TEST

START_TEST(each_alloc_finds_leaks_and_wrong_codes)
{
    ck_assert(passes(inner_each_careful));
    ck_assert(!passes(inner_each_leaky));
    ck_assert(!passes(inner_each_wrong_code));
    ck_assert(!passes(inner_each_nothing));
}
END_TEST

START_TEST(only_the_ordered_allocation_fails)
{
    t_alloc_fail(2);
    void *a = proa__alloc(1);
    ck_assert_ptr_nonnull(a);
    ck_assert(!t_alloc_failed());
    ck_assert_ptr_null(proa__alloc(1));
    ck_assert(t_alloc_failed());
    void *b = proa__alloc(1);
    ck_assert_ptr_nonnull(b);
    t_alloc_fail_from(1);
    ck_assert_ptr_null(proa__alloc(1));
    ck_assert_ptr_null(proa__realloc(a, 1));
    t_alloc_fail(0);
    a = proa__realloc(a, 100);
    ck_assert_ptr_nonnull(a);
    ck_assert_uint_eq(t_alloc_blocks(), 2);
    ck_assert_uint_ge(t_alloc_bytes(), 101);
    ck_assert_uint_eq(t_alloc_count(), 6);
    proa__free(a);
    proa__free(b);
    ck_assert_uint_eq(t_alloc_bytes(), 0);
}
END_TEST

static volatile char sink;

static void read_at(const char *p, long i)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        sink = p[i];
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "byte %ld can be read", i);
}

START_TEST(pages_fault_one_byte_too_far)
{
    static const size_t sizes[] = {0, 1, 5, 4095, 4096, 4097};
    static char bytes[4097];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *end = t_unreadable(bytes, sizes[i]);
        ck_assert_mem_eq(end, bytes, sizes[i]);
        read_at(end, (long)sizes[i]);
        char *front = t_unreadable_front(bytes, sizes[i]);
        ck_assert_mem_eq(front, bytes, sizes[i]);
        read_at(front, -1);
    }
    ck_str_eq(t_unreadable_str("abc"), "abc");
}
END_TEST

static void do_nothing(void *arg)
{
    (void)arg;
}
START_TEST(inner_does_not_abort)
{
    t_aborts(do_nothing, NULL, "");
}
END_TEST
static void abort_mutely(void *arg)
{
    (void)arg;
    abort();
}
START_TEST(inner_aborts_with_other_words)
{
    t_aborts(abort_mutely, NULL, "a sentence");
}
END_TEST
START_TEST(aborts_wants_the_abort_and_the_words)
{
    ck_assert(!passes(inner_does_not_abort));
    ck_assert(!passes(inner_aborts_with_other_words));
    t_aborts(abort_mutely, NULL, "");
}
END_TEST

START_TEST(inner_ok_of_an_error)
{
    ck_ok(PROA_EINVAL);
}
END_TEST
START_TEST(inner_err_of_another)
{
    ck_err(PROA_EINVAL, PROA_ENOMEM);
}
END_TEST
START_TEST(inner_str_differs)
{
    ck_str_eq(PROA_STR("abc"), "abd");
}
END_TEST
START_TEST(inner_all_right)
{
    ck_assert_int_eq(ck_ok(7), 7);
    ck_err(PROA_ENOMEM, PROA_ENOMEM);
    ck_str_eq(PROA_STR("abc"), "abc");
}
END_TEST
START_TEST(assertions_assert)
{
    ck_assert(passes(inner_all_right));
    ck_assert(!passes(inner_ok_of_an_error));
    ck_assert(!passes(inner_err_of_another));
    ck_assert(!passes(inner_str_differs));
}
END_TEST

int main(void)
{
    return t_main("support", (const TTest *const[]){
                                 bytes_left_fail_the_test, each_alloc_finds_leaks_and_wrong_codes,
                                 only_the_ordered_allocation_fails, pages_fault_one_byte_too_far,
                                 aborts_wants_the_abort_and_the_words, assertions_assert, NULL});
}
