#include "support/t_run.h"

#include "core/loop.h"
#include "core/sched.h"
#include "core/wait.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHUFFLES_DEFAULT 10

/* How tasks start and take turns. */
struct mode {
    bool eager;
    uint64_t seed; /* 0: in order */
};

static const struct mode in_order;
static const struct mode *mode; /* NULL: the environment's */

struct run {
    t_body_fn *body;
    void *arg;
    uint64_t cancel_at; /* 0: only count */
    bool count;
    uint64_t points;
};

static size_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int watched(void *arg)
{
    struct run *run = arg;
    const struct proa_loop *loop = proa__loop_current();

    if (run->count)
        proa__wait_inject(run->cancel_at);

    int rc = run->body(run->arg);

    if (run->count)
        run->points = proa__wait_inject_stop();
    ck_assert_msg(loop->sched->root.running == 1, "the body left %zu tasks in the root group",
                  loop->sched->root.running - 1);
    size_t timers = proa__timers_count(loop) - timer_running(&loop->sched->tidy.timer);

    ck_assert_msg(timers == 0, "the body left %zu timers running", timers);
    ck_assert_msg(loop->sched->n_new == 0, "stacks are reserved for %zu tasks that are not there",
                  loop->sched->n_new);
    ck_assert_msg(loop->sched->no_suspend == 0, "the body left suspending forbidden");
    return rc;
}

static uint64_t number_in_env(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 0) : otherwise;
}

static struct mode mode_now(void)
{
    if (mode)
        return *mode;
    return (struct mode){
        .eager = number_in_env("PROA_TEST_EAGER", 0) != 0,
        .seed = number_in_env("PROA_TEST_SHUFFLE", 0),
    };
}

static int run_watched(struct run *run)
{
    struct mode m = mode_now();
    size_t fds = open_fds();
    size_t bytes = t_alloc_bytes();
    int rc = proa_run(watched, run,
                      PROA_RUN_OPTS(.virtual_clock = true, .eager = m.eager, .shuffle = m.seed));

    ck_assert_msg(open_fds() == fds, "the run left %d descriptors open", (int)(open_fds() - fds));
    ck_assert_msg(t_alloc_bytes() == bytes, "the run left %zu bytes allocated",
                  t_alloc_bytes() - bytes);
    return rc;
}

int t_run_rc(t_body_fn *body, void *arg)
{
    return run_watched(&(struct run){.body = body, .arg = arg});
}

void t_run(t_body_fn *body, void *arg)
{
    ck_ok(t_run_rc(body, arg));
}

static void run_in_mode(const struct mode *m, t_body_fn *body, void *arg)
{
    const struct mode *outer = mode;

    mode = m;
    t_run(body, arg);
    mode = outer;
}

void t_run_in_order(t_body_fn *body, void *arg)
{
    run_in_mode(&in_order, body, arg);
}

void t_run_as(t_body_fn *body, void *arg, bool eager, uint64_t shuffle)
{
    run_in_mode(&(struct mode){.eager = eager, .seed = shuffle}, body, arg);
}

void t_run_in_turn(t_body_fn *body, void *arg)
{
    t_run_in_order(body, arg);
    t_run_as(body, arg, true, 0);
}

void t_settle(void)
{
    ck_ok(proa_sleep(1));
}

/* The i-th of 1 .. 1 + shuffles. */
static struct mode nth_mode(uint64_t i)
{
    return (struct mode){.eager = i % 2, .seed = i - 1};
}

/* Run them all in one process, which leaves in *at how far it came. False: it failed there. */
static bool run_modes_forked(t_body_fn *body, void *arg, uint64_t n, volatile uint64_t *at)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (*at = 1; *at <= n; ++*at) {
            struct mode m = nth_mode(*at);

            run_in_mode(&m, body, arg);
        }
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void t_run_modes(t_body_fn *body, void *arg)
{
    uint64_t n = 1 + number_in_env("PROA_TEST_SHUFFLES", SHUFFLES_DEFAULT);
    uint64_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);

    ck_assert_ptr_ne(at, MAP_FAILED);
    t_run_in_order(body, arg);
    if (!run_modes_forked(body, arg, n, at)) {
        struct mode m = nth_mode(*at);

        fprintf(stderr, "fails with PROA_TEST_EAGER=%d PROA_TEST_SHUFFLE=%llu; once more:\n",
                m.eager, (unsigned long long)m.seed);
        run_in_mode(&m, body, arg);
        ck_abort_msg("it failed with eager %d, seed %llu, and then did not", m.eager,
                     (unsigned long long)m.seed);
    }
    munmap(at, sizeof *at);
}

static void run_to_abort(void *arg)
{
    mode = &in_order; /* for this child's life */
    run_watched(arg);
}

void t_run_aborts(t_body_fn *body, void *arg, const char *words)
{
    t_aborts(run_to_abort, &(struct run){.body = body, .arg = arg}, words);
}

void t_each_park(t_body_fn *body, void *arg)
{
    struct run run = {.body = body, .arg = arg, .count = true};

    ck_ok(run_watched(&run));

    uint64_t n = run.points;

    ck_assert_msg(n > 0, "the body never waits, so nothing was tested");
    for (run.cancel_at = 1; run.cancel_at <= n; run.cancel_at++) {
        int rc = run_watched(&run);

        ck_assert_msg(rc >= 0 || rc == PROA_ECANCELED || rc == PROA_ETASKCANCELED,
                      "cancelled at point %llu of %llu: got %s (%s)",
                      (unsigned long long)run.cancel_at, (unsigned long long)n, proa_err_name(rc),
                      proa_err_detail(rc));
    }
}

static int run_for_alloc(void *arg)
{
    return run_watched(arg);
}

void t_run_each_alloc(t_body_fn *body, void *arg)
{
    t_each_alloc(run_for_alloc, &(struct run){.body = body, .arg = arg});
}
