#include "core/debug.h"
#include "core/place.h"
#include "core/stack.h"
#include "support/t_debug.h"
#include "support/t_run.h"

#include <proa/runner.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what is not closed */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static T_AS_WRITTEN int unfreed_child(void)
{
    struct proa_runner *kept;
    struct proa_runner *freed;

    ck_ok(proa_runner_new(&freed, PROA_RUNNER_OPTS(.run = {.debug = true})));
    ck_ok(proa_runner_run(freed, nothing, NULL));
    proa_runner_free(freed);
    ck_ok(proa_runner_new(&kept, PROA_RUNNER_OPTS(.run = {.debug = true})));
    ck_ok(proa_runner_run(kept, nothing, NULL));
    exit(0);
}
/* What `body`, which ends its process, and its children write. */
static const char *written_by(int (*body)(void))
{
    static char text[4096];
    size_t n = 0;
    ssize_t got;
    int fds[2];
    pid_t child;

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        body();
    }
    close(fds[1]);
    while ((got = read(fds[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(fds[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    return text;
}

START_TEST(aio_dbg_04_a_runner_that_is_never_freed_is_told_when_the_process_ends)
{
    const char *text = written_by(unfreed_child);
    const char *first = strstr(text, "a runner was never freed; it was made here:");

    ck_assert_msg(first, "it wrote: %s", text);
    ck_assert_ptr_null(strstr(first + 1, "a runner was never freed"));
    if (proa__place_knows_lines())
        ck_assert_ptr_nonnull(strstr(first, "unfreed_child (test_debug_open.c:"));
}
END_TEST

#ifdef PROA_SANITIZED_THREAD
#define CHILD_HAS_THREADS false /* ThreadSanitizer ends a child that starts one */
#else
#define CHILD_HAS_THREADS true
#endif

/* Its own is told of, its parent's is not; who ends by _exit tells nothing. */
static int unfreed_grandchild(void)
{
    struct proa_runner *kept;

    ck_ok(proa_runner_new(&kept, PROA_RUNNER_OPTS(.run = {.debug = true})));
    if (fork() == 0)
        unfreed_child();
    wait(NULL);
    _exit(0);
}
START_TEST(a_forked_child_does_not_tell_of_its_parents_runners)
{
    if (!CHILD_HAS_THREADS)
        return;

    const char *text = written_by(unfreed_grandchild);
    const char *first = strstr(text, "a runner was never freed");

    ck_assert_msg(first, "it wrote: %s", text);
    ck_assert_msg(!strstr(first + 1, "a runner was never freed"), "it wrote: %s", text);
}
END_TEST

static void describe_thing(const void *object, struct view *v)
{
    proa__view_object(v, "thing", object);
}
static int things_body(void *arg)
{
    static const char things[1000];

    (void)arg;
    for (size_t i = 0; i < sizeof things; i++)
        debug_opened(describe_thing, &things[i]);
    for (size_t i = 0; i < sizeof things; i++)
        if (i != 700)
            debug_closed(&things[i]);
    debug_closed(&things[3]); /* twice is no harm */
    return 0;
}
START_TEST(aio_dbg_04_what_is_open_when_the_loop_ends_is_told_with_its_opening)
{
    t_said_begin();
    ck_ok(run_debug(things_body, NULL, NEVER_SLOW));
    ck_said(1, "was never closed; it was opened here:");
    ck_said(1, "thing 0x");
    if (proa__place_knows_lines())
        ck_assert_uint_ge(t_said("    things_body ("), 1);
}
END_TEST

static int reopened_body(void *arg)
{
    debug_opened(describe_thing, arg);
    debug_opened(describe_thing, arg); /* its memory had another life, whose end nobody told */
    return 0;
}
START_TEST(aio_dbg_04_an_address_is_one_object)
{
    char thing;

    t_said_begin();
    ck_ok(run_debug(reopened_body, &thing, NEVER_SLOW));
    ck_said(1, "thing 0x");
}
END_TEST

static int switched_body(void *arg)
{
    debug_opened(describe_thing, arg);
    ck_ok(proa_debug_set(false));
    debug_closed(arg);
    return 0;
}
START_TEST(aio_dbg_04_switching_it_off_forgets_what_is_open)
{
    char thing;

    t_said_begin();
    ck_ok(run_debug(switched_body, &thing, NEVER_SLOW));
    ck_said(0, "never closed");
}
END_TEST

static int outside_body(void *arg)
{
    debug_opened(describe_thing, arg);
    return 0;
}
START_TEST(aio_dbg_04_in_production_mode_nothing_is_remembered)
{
    t_said_begin();
    ck_ok(run_plain(outside_body, NULL));
    ck_assert_uint_eq(said.n, 0);
}
END_TEST

static int alloc_thing_body(void *arg)
{
    debug_opened(describe_thing, arg);
    return 0;
}
static int alloc_thing_run(void *arg)
{
    return run_debug(alloc_thing_body, arg, NEVER_SLOW);
}
START_TEST(aio_dbg_04_remembering_survives_want_of_memory)
{
    char thing;

    t_said_begin();
    t_each_alloc(alloc_thing_run, &thing);
}
END_TEST

int main(void)
{
    return t_main("debug_open",
                  (const TTest *const[]){
                      aio_dbg_04_a_runner_that_is_never_freed_is_told_when_the_process_ends,
                      a_forked_child_does_not_tell_of_its_parents_runners,
                      aio_dbg_04_what_is_open_when_the_loop_ends_is_told_with_its_opening,
                      aio_dbg_04_an_address_is_one_object,
                      aio_dbg_04_switching_it_off_forgets_what_is_open,
                      aio_dbg_04_remembering_survives_want_of_memory,
                      aio_dbg_04_in_production_mode_nothing_is_remembered,
                      NULL,
                  });
}
