#ifndef CORE_TEST_H
#define CORE_TEST_H

/*
 * test: bodies of tests as main tasks, watched.
 *
 * A run lives in memory that it shares with the children that it forks, so the parent learns what a
 * child found, and how far it came if it died.
 *
 *   proa_test_run --fork--> child: every step, until one fails
 *        '-- it failed --fork--> child: that step once more
 *
 * A step is one call of the body: in some order, cancelled at some point, or short of some
 * allocation. Each has a word, by which PROA_TEST_SEED asks for it alone.
 *
 * Floor: core.
 */

#include "core/loop.h"

#include <proa/test.h>

#define TEST_WORDS 200
#define TEST_FDS 65536 /* descriptors from here on are not looked at */

enum test_kind {
    TEST_ORDER,     /* seed 0: in turn */
    TEST_PARK,      /* cancelled at the n-th point; 0: only count them */
    TEST_ALLOC,     /* the n-th allocation fails */
    TEST_ALLOC_ALL, /* and all after it */
};

struct test_step {
    enum test_kind kind;
    bool eager;
    uint64_t seed;
    uint64_t n;
};

struct test_run {
    proa_task_fn *body;
    void *arg;
    struct proa_test_opts opts;
    uint64_t n_seeds;        /* random orders to be made */
    struct test_step step;   /* the one that is made, or was last */
    bool any_rc;             /* a failure of the body is the caller's business */
    bool cold;               /* no step was made in this process: see once() */
    int64_t limit;           /* of a call of the body, in a child; 0: none */
    bool late;               /* a child ended itself for that */
    bool finished;           /* a child came to the end of what it was to do */
    int rc;                  /* of the body; PROA_ETEST if only something else was wrong */
    unsigned problems;       /* in this step */
    char words[TEST_WORDS];  /* the first of them */
    uint64_t points;         /* where a task could learn of a cancel; of a step TEST_PARK */
    bool hit;                /* the allocation that was to fail was asked for */
    struct loop_guest guest; /* while its loop lives */
    uint64_t fds[TEST_FDS / 64];
};

/* NULL: no memory. The opts are of this version. */
struct test_run *proa__test_run_new(proa_task_fn *body, void *arg,
                                    const struct proa_test_opts *opts);
void proa__test_run_free(struct test_run *run);

/* Make run->step in this process. 0, or what failed, with its words and in run->words. */
int proa__test_step(struct test_run *run);

/* In this process: each point, each allocation. They begin with a step that must succeed. */
int proa__test_each_park(struct test_run *run);
int proa__test_each_alloc(struct test_run *run);

/* Print what is wrong with this step, and keep the first of it. */
void proa__test_problem(struct test_run *run, const char *fmt, ...) PROA_PRINTF(2, 3);

/* The run whose loop is this thread's; NULL: none. */
struct test_run *proa__test_here(void);

/* Remember the open descriptors; name each that was not open then. */
void proa__test_fds_remember(struct test_run *run);
void proa__test_fds_compare(struct test_run *run);

/* Name what the body left on its loop, at its end. */
void proa__test_leaks(struct test_run *run, struct proa_loop *loop);

/* In a child: from now on a body that is late is told of, and ends the process. Cannot fail: at
 * worst nobody watches. */
void proa__test_limit_begin(struct test_run *run);

/* A body is called; and its loop is there, or NULL: it ends. */
void proa__test_limit_step(void);
void proa__test_limit_loop(struct proa_loop *loop);

#define TEST_STEP_TEXT 64

/* The word for PROA_TEST_SEED, or the text for people; and back from the word. */
const char *proa__test_step_word(const struct test_step *step, char text[TEST_STEP_TEXT]);
const char *proa__test_step_tell(const struct test_step *step, char text[TEST_STEP_TEXT]);
bool proa__test_step_parse(const char *word, struct test_step *ret);

/* The i-th order, from 0: in turn, eager, then seeds 1, 2 ... of which the even ones are eager. */
struct test_step proa__test_order(uint64_t i);

#endif
