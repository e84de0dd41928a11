#include "core/stack.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/time.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int sleep_long(void *arg)
{
    (void)arg;
    return proa_sleep(PROA_HOUR);
}

static int take_lock(void *lock)
{
    return proa_lock_acquire(lock);
}

static void yield_some(void)
{
    for (int i = 0; i < 4; i++)
        proa_yield();
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

/* ---- text */

static int text_body(void *arg)
{
    struct proa_lock *lock = NULL;
    struct proa_buf out;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    proa_buf_init(&out, PROA_UNLIMITED);
    {
        PROA_GROUP(g);
        ck_ok(proa_lock_acquire(lock));
        ck_ok(proa_create_task_opts(&g, NULL, take_lock, lock,
                                    PROA_TASK_OPTS(.name = "wa\033[31m\"ter")));
        yield_some();
        PROA_TIMEOUT(t, 90 * PROA_SEC);
        ck_ok(proa_tasks_dump(&out, NULL));
        proa_group_cancel(&g);
        proa_lock_release(lock);
    }
    ck_assert_ptr_nonnull(strstr(out.p, "2 tasks\n"));
    ck_assert_ptr_nonnull(strstr(out.p, "\nmain #1: running; deadline in 90.0 s; stack "));
    ck_assert_ptr_nonnull(
        strstr(out.p, "\n  wa?[31m\"ter #2: waiting in proa_lock_acquire: lock "));
    ck_assert_ptr_nonnull(strstr(out.p, ", held by main, 1 wait; stack "));
    ck_assert_uint_eq(count(out.p, "    at "), 2); /* one place of each */
    proa_buf_fini(&out);
    proa_lock_free(lock);
    return 0;
}
START_TEST(a_dump_has_a_line_and_a_place_of_each_task)
{
    t_run_in_order(text_body, NULL);
}
END_TEST

static int deadlock_body(void *arg)
{
    struct proa_lock *lock = NULL;
    struct proa_buf out;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    proa_buf_init(&out, PROA_UNLIMITED);
    ck_ok(proa_lock_acquire(lock));
    ck_ok(proa_tasks_dump(&out, NULL));
    ck_assert_ptr_null(strstr(out.p, "deadlock: "));
    proa_lock_release(lock);
    proa_buf_fini(&out);
    proa_lock_free(lock);
    return 0;
}
START_TEST(a_dump_without_deadlocks_speaks_of_none)
{
    t_run_in_order(deadlock_body, NULL);
}
END_TEST

/* ---- bounds */

static size_t shown_of(size_t tasks, size_t limit, const char **ret_more, struct proa_buf *out)
{
    PROA_GROUP(g);
    for (size_t i = 1; i < tasks; i++)
        ck_ok(proa_create_task(&g, sleep_long, NULL));
    yield_some();
    proa_buf_clear(out);
    ck_ok(proa_tasks_dump(out, PROA_TASKS_OPTS(.limit = limit)));
    proa_group_cancel(&g);
    proa_group_join(&g);
    *ret_more = strstr(out->p, "... and ");
    return count(out->p, "#");
}

static int limit_body(void *arg)
{
    const char *more;
    struct proa_buf out;

    (void)arg;
    proa_buf_init(&out, PROA_UNLIMITED);
    ck_assert_uint_eq(shown_of(7, 7, &more, &out), 7);
    ck_assert_ptr_null(more);
    ck_assert_uint_eq(shown_of(8, 7, &more, &out), 7);
    ck_assert_str_eq(more, "... and 1 more tasks\n");
    proa_buf_fini(&out);
    return 0;
}
START_TEST(tasks_beyond_the_limit_are_counted)
{
    t_run_in_order(limit_body, NULL);
}
END_TEST

#ifdef PROA_SANITIZED
#define MANY 2000
#define MORE "1000"
#else
#define MANY 100000
#define MORE "99000"
#endif

static int many_body(void *arg)
{
    const char *more;
    struct proa_buf out;

    (void)arg;
    proa_buf_init(&out, (size_t)512 << 10);
    ck_assert_uint_eq(shown_of(MANY, 0, &more, &out), 1000);
    ck_assert_str_eq(more, "... and " MORE " more tasks\n");
    proa_buf_fini(&out);
    return 0;
}
START_TEST(a_dump_of_many_tasks_is_bounded)
{
    if (!getenv("PROA_TEST_VALGRIND")) /* which has no room for so many mappings */
        t_run_as(many_body, NULL, false, 0);
}
END_TEST

/* Each of a thousand sleepers on one lock is asked for the whole lock. */
static int crowd_body(void *arg)
{
    struct proa_lock *lock = NULL;
    char text[128];

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    ck_ok(proa_lock_acquire(lock));
    {
        PROA_GROUP(g);
        for (int i = 0; i < 100; i++)
            ck_ok(proa_create_task(&g, take_lock, lock));
        yield_some();
        ck_ok(proa_describe(lock, text, sizeof text));
        ck_assert_ptr_nonnull(strstr(text, "held by main, 100 wait"));
        ck_ok(proa_create_task(&g, take_lock, lock));
        yield_some();
        ck_ok(proa_describe(lock, text, sizeof text));
        ck_assert_ptr_nonnull(strstr(text, "held by main, over 100 wait"));
        proa_group_cancel(&g);
    }
    proa_lock_release(lock);
    proa_lock_free(lock);
    return 0;
}
START_TEST(a_long_line_of_waiters_is_not_counted_to_its_end)
{
    t_run_in_order(crowd_body, NULL);
}
END_TEST

static int small_buffer_body(void *arg)
{
    struct proa_buf out;

    (void)arg;
    proa_buf_init(&out, 16);
    ck_err(proa_tasks_dump(&out, NULL), PROA_EMSGSIZE);
    ck_err(proa_tasks_dump(&out, PROA_TASKS_OPTS(.json = true)), PROA_EMSGSIZE);
    proa_buf_fini(&out);
    return 0;
}
START_TEST(a_buffer_that_is_full_ends_the_dump)
{
    t_run_in_order(small_buffer_body, NULL);
}
END_TEST

static int dump_to(size_t limit, size_t *ret_n)
{
    struct proa_buf out;
    int rc;

    proa_buf_init(&out, limit);
    rc = proa_tasks_dump(&out, PROA_TASKS_OPTS(.json = true));
    *ret_n = proa_buf_str(&out).n;
    proa_buf_fini(&out);
    return rc;
}
static int at_the_limit_body(void *arg)
{
    /* the first look touches the stack, which the dump tells of */
    static const int less[] = {0, 0, 0, 1, 2, 3};
    size_t whole = PROA_UNLIMITED;
    size_t n;

    (void)arg;
    for (size_t i = 0; i < sizeof less / sizeof less[0]; i++) {
        int rc = dump_to(whole == PROA_UNLIMITED ? whole : whole - (size_t)less[i], &n);

        ck_assert_int_eq(rc, less[i] ? PROA_EMSGSIZE : 0);
        if (i < 2)
            whole = i == 1 ? n : PROA_UNLIMITED;
    }
    return 0;
}
START_TEST(a_dump_that_lacks_its_last_byte_fails)
{
    t_run_in_order(at_the_limit_body, NULL);
}
END_TEST

/* ---- memory */

static int alloc_body(void *arg)
{
    struct proa_buf out;
    int rc;

    proa_buf_init(&out, PROA_UNLIMITED);
    rc = proa_tasks_dump(&out, PROA_TASKS_OPTS(.json = arg != NULL));
    proa_buf_fini(&out);
    return rc;
}
START_TEST(a_dump_without_memory_fails_and_leaves_nothing)
{
    static int json;

    t_run_each_alloc(alloc_body, NULL);
    t_run_each_alloc(alloc_body, &json);
}
END_TEST

static int blocked_alloc_body(void *arg)
{
    struct proa_lock *lock = NULL;
    int rc = proa_lock_new(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    proa_lock_acquire(lock);
    {
        PROA_GROUP(g);
        rc = proa_create_task(&g, take_lock, lock);
        if (rc >= 0)
            rc = proa_yield();
        if (rc >= 0)
            rc = alloc_body(NULL);
        proa_group_cancel(&g);
        proa_group_join(&g);
    }
    proa_lock_release(lock);
    proa_lock_free(lock);
    return rc;
}
START_TEST(neither_does_the_search_for_deadlocks)
{
    t_run_each_alloc(blocked_alloc_body, NULL);
}
END_TEST

/* ---- JSON */

/* Braces and brackets in balance outside of strings, and no control byte. */
static bool is_balanced(const char *text)
{
    char open[64];
    size_t depth = 0;
    bool quoted = false;

    for (const char *c = text; *c; c++) {
        if (quoted) {
            if (*c == '\\')
                c++;
            else if (*c == '"')
                quoted = false;
            else if ((unsigned char)*c < 0x20)
                return false;
        } else if (*c == '"') {
            quoted = true;
        } else if (*c == '{' || *c == '[') {
            if (depth == sizeof open)
                return false;
            open[depth++] = *c;
        } else if (*c == '}' || *c == ']') {
            if (depth == 0 || open[--depth] != (*c == '}' ? '{' : '['))
                return false;
        }
    }
    return depth == 0 && !quoted;
}

static int json_body(void *arg)
{
    struct proa_buf out;

    (void)arg;
    proa_buf_init(&out, PROA_UNLIMITED);
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, sleep_long, NULL,
                                PROA_TASK_OPTS(.name = "a\"b\\c\xff\xc3\xa9\n")));
    yield_some();
    ck_ok(proa_tasks_dump(&out, PROA_TASKS_OPTS(.json = true)));
    ck_assert(is_balanced(out.p));
    ck_assert_ptr_nonnull(strstr(out.p, "\"name\":\"a\\\"b\\\\c????\""));
    ck_assert_ptr_nonnull(strstr(out.p, "\"state\":\"waiting\",\"cancelled\":false,"
                                        "\"call\":\"proa_sleep\",\"on\":\"3600.0 s left\""));
    ck_assert_ptr_nonnull(strstr(out.p, "\"total\":2,\"more\":0,\"deadlocks\":[]"));
    proa_buf_fini(&out);
    proa_group_cancel(&g);
    return 0;
}
START_TEST(names_in_json_are_quoted)
{
    t_run_in_order(json_body, NULL);
}
END_TEST

static int holds_on(void *lock)
{
    ck_ok(proa_lock_acquire(lock));
    return proa_sleep(3600 * PROA_SEC);
}
static int terminal_body(void *arg)
{
    struct proa_lock *lock = NULL;
    struct proa_buf out;

    (void)arg;
    ck_ok(proa_lock_new(&lock));
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task_opts(&g, NULL, holds_on, lock, PROA_TASK_OPTS(.name = "\033[31m")));
        ck_ok(proa_create_task_opts(&g, NULL, take_lock, lock, NULL));
        yield_some();
        proa_buf_init(&out, PROA_UNLIMITED);
        ck_ok(proa_tasks_dump(&out, NULL));
        ck_assert_ptr_nonnull(strstr(out.p, ", held by ?[31m, 1 wait"));
        ck_assert_ptr_null(strchr(out.p, '\033'));
        proa_buf_fini(&out);
        proa_group_cancel(&g);
    }
    proa_lock_free(lock);
    return 0;
}
START_TEST(a_name_says_nothing_to_the_terminal_wherever_it_stands)
{
    t_run_in_order(terminal_body, NULL);
}
END_TEST

/* ---- to a descriptor, and by signal */

static int print_body(void *arg)
{
    char text[512] = "";
    int fds[2];

    (void)arg;
    ck_ok(pipe2(fds, O_CLOEXEC));
    ck_ok(proa_tasks_print(fds[1], NULL));
    ck_assert_int_gt(read(fds[0], text, sizeof text - 1), 0);
    ck_assert_ptr_nonnull(strstr(text, "main #1: running"));
    close(fds[0]);
    close(fds[1]);
    ck_err(proa_tasks_print(-1, NULL), PROA_EBADF);
    return 0;
}
START_TEST(a_dump_goes_to_a_descriptor)
{
    t_run_in_order(print_body, NULL);
}
END_TEST

/* The loop comes to it in the next turn. */
static int signal_body(void *ns)
{
    ck_ok(raise(SIGUSR1));
    return proa_sleep(*(int64_t *)ns);
}

static void runs_with(const struct proa_run_opts *opts, char text[512])
{
    int64_t ns = opts && opts->virtual_clock ? PROA_HOUR : PROA_MS; /* watching delays no clock */
    int before = dup(STDERR_FILENO);
    int fds[2];

    text[0] = '\0';
    ck_ok(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
    ck_ok(dup2(fds[1], STDERR_FILENO));
    ck_ok(proa_run(signal_body, &ns, opts));
    ck_ok(dup2(before, STDERR_FILENO));
    ssize_t n = read(fds[0], text, 511);
    text[n > 0 ? n : 0] = '\0';
    close(before);
    close(fds[0]);
    close(fds[1]);
}

START_TEST(a_signal_writes_the_tasks_to_standard_error)
{
    char text[512];

    runs_with(PROA_RUN_OPTS(.dump_signal = SIGUSR1), text);
    ck_assert_ptr_nonnull(strstr(text, "main #1: waiting in proa_sleep: "));
    runs_with(PROA_RUN_OPTS(.dump_signal = SIGUSR1, .virtual_clock = true), text);
    ck_assert_ptr_nonnull(strstr(text, "main #1: waiting in proa_sleep: "));
}
END_TEST

START_TEST(the_environment_names_the_signal_too)
{
    char text[512];

    setenv("PROA_DUMP_SIGNAL", "sigusr1", 1);
    runs_with(NULL, text);
    ck_assert_ptr_nonnull(strstr(text, "main #1: waiting in proa_sleep: "));
    setenv("PROA_DUMP_SIGNAL", "10", 1);
    runs_with(NULL, text);
    ck_assert_ptr_nonnull(strstr(text, "main #1: waiting in proa_sleep: "));
}
END_TEST

static void is_no_signal(const char *word)
{
    char text[512];
    char words[80];

    setenv("PROA_DUMP_SIGNAL", word, 1);
    runs_with(NULL, text);
    snprintf(words, sizeof words, "PROA_DUMP_SIGNAL=%s is no signal", word);
    ck_assert_msg(strstr(text, words), "without \"%s\": %s", words, text);
}
START_TEST(what_only_begins_as_a_signal_is_none)
{
    signal(SIGUSR1, SIG_IGN);
    is_no_signal("nonsense");
    is_no_signal("10abc");
    is_no_signal("USR11");
    is_no_signal("0");
    is_no_signal("32");
    is_no_signal("4294967306"); /* 10 in 32 bits */
}
END_TEST

int main(void)
{
    return t_main("dump", (const TTest *const[]){
                              a_dump_has_a_line_and_a_place_of_each_task,
                              a_dump_without_deadlocks_speaks_of_none,
                              tasks_beyond_the_limit_are_counted,
                              a_dump_that_lacks_its_last_byte_fails,
                              a_dump_of_many_tasks_is_bounded,
                              a_long_line_of_waiters_is_not_counted_to_its_end,
                              a_buffer_that_is_full_ends_the_dump,
                              a_dump_without_memory_fails_and_leaves_nothing,
                              neither_does_the_search_for_deadlocks,
                              names_in_json_are_quoted,
                              a_name_says_nothing_to_the_terminal_wherever_it_stands,
                              a_dump_goes_to_a_descriptor,
                              a_signal_writes_the_tasks_to_standard_error,
                              the_environment_names_the_signal_too,
                              what_only_begins_as_a_signal_is_none,
                              NULL,
                          });
}
