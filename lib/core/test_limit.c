#include "base/clock.h"
#include "core/test.h"
#include "core/thread.h"
#include "core/view.h"

#include <proa/inspect.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * How long a body may take, by the world's clock.
 *
 * A thread of the child that makes the steps looks at the clock. When a body is late, its loop is
 * asked for all its tasks, and the process ends. A loop that does not answer is stuck: its thread
 * gets a SIGSEGV, whose handler names the task that holds it.
 */

#define ANSWER_TIME (PROA_SEC)     /* for the loop to begin with its tasks */
#define TELL_TIME (60 * PROA_SEC)  /* and to end: it may have to read what a debugger reads */
#define CRASH_TIME (10 * PROA_SEC) /* for a sanitizer's handler, too */

static struct {
    struct test_run *run; /* NULL: nobody watches; what follows is not used */
    pid_t thread;         /* that makes the steps */
    _Atomic int64_t until;
    atomic_bool telling;
    pthread_mutex_t lock; /* over the loop, and over asking it */
    struct proa_loop *loop;
    struct post post;
} watched = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void pause_for(int64_t ns)
{
    nanosleep(&(struct timespec){.tv_sec = ns / PROA_SEC, .tv_nsec = ns % PROA_SEC}, NULL);
}

/* On the loop. */
static void tell_tasks(void *arg)
{
    (void)arg;
    atomic_store(&watched.telling, true);
    proa_tasks_print(STDERR_FILENO, NULL);
    kill(getpid(), SIGKILL);
}

static void ask_for_tasks(void)
{
    watched.post = (struct post){.fn = tell_tasks};
    pthread_mutex_lock(&watched.lock);
    if (watched.loop)
        proa__loop_post(watched.loop, &watched.post);
    pthread_mutex_unlock(&watched.lock);
}

static void end_late(struct test_run *run)
{
    struct view v = {0};

    proa__view_time(&v, run->limit);
    proa__test_problem(run, "still running after %s", v.text);
    run->late = true;
    ask_for_tasks();
    pause_for(ANSWER_TIME);
    if (atomic_load(&watched.telling))
        pause_for(TELL_TIME);
    syscall(SYS_tgkill, getpid(), watched.thread, SIGSEGV);
    pause_for(CRASH_TIME);
    kill(getpid(), SIGKILL);
}

static void *watch(void *arg)
{
    int64_t left;

    while ((left = atomic_load(&watched.until) - proa__clock_mono()) > 0)
        pause_for(left);
    end_late(arg);
    return NULL;
}

void proa__test_limit_begin(struct test_run *run)
{
    pthread_t thread;

    if (!run->limit)
        return;
    watched.run = run;
    watched.thread = (pid_t)syscall(SYS_gettid);
    proa__test_limit_step();
    if (proa__thread_start(&thread, watch, run) == 0)
        pthread_detach(thread); /* it ends with the process */
}

void proa__test_limit_step(void)
{
    if (watched.run)
        atomic_store(&watched.until, proa_time_add(proa__clock_mono(), watched.run->limit));
}

void proa__test_limit_loop(struct proa_loop *loop)
{
    if (!watched.run)
        return;
    pthread_mutex_lock(&watched.lock);
    watched.loop = loop;
    pthread_mutex_unlock(&watched.lock);
}
