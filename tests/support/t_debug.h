#ifndef SUPPORT_T_DEBUG_H
#define SUPPORT_T_DEBUG_H

/*
 * t_debug: runs in debug mode, and what proa logs meanwhile, line by line, from any thread.
 */

#include <proa/log.h>
#include <proa/run.h>
#include <proa/time.h>

#include <check.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SAID_LINES 400

static struct {
    pthread_mutex_t lock;
    size_t n;
    char line[SAID_LINES][200];
} said = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void t_say(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)arg;
    pthread_mutex_lock(&said.lock);
    if (said.n < SAID_LINES)
        snprintf(said.line[said.n++], sizeof said.line[0], "%s", text);
    pthread_mutex_unlock(&said.lock);
}

/* From now on. */
static inline void t_said_begin(void)
{
    said.n = 0;
    proa_log_set(t_say, NULL);
}

/* How many lines contain `words`. */
static inline size_t t_said(const char *words)
{
    size_t n = 0;

    pthread_mutex_lock(&said.lock);
    for (size_t i = 0; i < said.n; i++)
        n += strstr(said.line[i], words) != NULL;
    pthread_mutex_unlock(&said.lock);
    return n;
}

static inline void t_said_print(void)
{
    pthread_mutex_lock(&said.lock);
    for (size_t i = 0; i < said.n; i++)
        fprintf(stderr, "it said: %s\n", said.line[i]);
    pthread_mutex_unlock(&said.lock);
}

/* Exactly `n` lines contain `words`. */
#define ck_said(times, words)                                                                      \
    do {                                                                                           \
        size_t found_ = t_said(words);                                                             \
                                                                                                   \
        if (found_ != (times))                                                                     \
            t_said_print();                                                                        \
        ck_assert_msg(found_ == (times), "\"%s\" was said %zu times, not %zu", words, found_,      \
                      (size_t)(times));                                                            \
    } while (0)

#define NEVER_SLOW (3600 * PROA_SEC)
#define SOON_SLOW (5 * PROA_MS)

/* On the virtual clock, which debug mode does not use: nothing sleeps. */
static inline int run_debug(proa_task_fn *fn, void *arg, int64_t slow)
{
    return proa_run(fn, arg,
                    PROA_RUN_OPTS(.virtual_clock = true, .debug = true, .debug_slow = slow));
}

static inline int run_plain(proa_task_fn *fn, void *arg)
{
    return proa_run(fn, arg, PROA_RUN_OPTS(.virtual_clock = true));
}

#endif
