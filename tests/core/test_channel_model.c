#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

/*
 * Random tasks that send, receive and select, against a model.
 *
 * Pipes are channels of several capacities and a queue. The model keeps for each the values inside
 * and who waits, in order, and applies each step in the moment in which it is made; since nothing
 * else runs between two suspending calls, it knows of each operation when it happens, with which
 * partner and which value. Random only is which of several possible cases a select takes: that one
 * the model asks. Every value has a number of its own, so none can be lost, doubled or reordered
 * unseen. Spans are random nanoseconds, so that two things happen in the same moment only if one
 * brings about the other.
 *
 * Every seed is a program; a failure names its seed, and PROA_MODEL_SEED=n runs that one alone.
 */

enum {
    SEEDS = 10000,
    PIPES = 4,
    ACTORS = 6,
    CASES = 4, /* most cases of a select */
    STEPS = 12,
    ROOM = 256, /* most values of a run */
};

enum outcome { WAITING, DONE, CUT };

struct op;

/* One case of an operation, in the model. */
struct part {
    struct op *op;
    struct pipe *pipe; /* NULL: a timer */
    bool sends;
    long value; /* sent */
};

struct op {
    struct part parts[CASES];
    int n;
    enum outcome outcome;
    const struct pipe *pipe; /* what happened, once DONE */
    bool sent;
    int rc;
    long value; /* received */
    struct proa_scope *scope;
};

struct pipe {
    struct proa_channel *channel; /* or */
    struct proa_queue *queue;
    size_t capacity;
    bool closed;
    size_t n_inside;
    long inside[ROOM];
    size_t n_waiting;
    struct part *waiting[2 * ACTORS * CASES];
};

struct world {
    uint64_t seed;
    struct t_random random;
    struct pipe pipes[PIPES];
    size_t n_open;
    struct op *open[ACTORS];
    long last_value;
};

#define SEE(world, cond, fmt, ...)                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            ck_abort_msg("seed %llu: " #cond ": " fmt, (unsigned long long)(world)->seed,          \
                         ##__VA_ARGS__);                                                           \
    } while (0)

static uint64_t below(struct world *w, uint64_t bound)
{
    return t_random_below(&w->random, bound);
}

static int64_t span(struct world *w)
{
    return 1 + (int64_t)below(w, PROA_SEC);
}

/* ---- the model */

static void leave(struct pipe *p, size_t i)
{
    memmove(&p->waiting[i], &p->waiting[i + 1], (--p->n_waiting - i) * sizeof p->waiting[0]);
}

/* The operation waits no more, anywhere. */
static void leave_all(struct world *w, const struct op *op)
{
    for (int k = 0; k < PIPES; k++)
        for (size_t i = w->pipes[k].n_waiting; i-- > 0;)
            if (w->pipes[k].waiting[i]->op == op)
                leave(&w->pipes[k], i);
}

static void finish(struct world *w, struct part *part, int rc, long value)
{
    struct op *op = part->op;

    op->outcome = DONE;
    op->pipe = part->pipe;
    op->sent = part->sends;
    op->rc = rc;
    op->value = value;
    leave_all(w, op);
}

static struct part *first_waiting(const struct pipe *p, bool sends)
{
    for (size_t i = 0; i < p->n_waiting; i++)
        if (p->waiting[i]->sends == sends)
            return p->waiting[i];
    return NULL;
}

static bool possible(const struct part *part)
{
    const struct pipe *p = part->pipe;

    if (!p)
        return false;
    if (part->sends)
        return p->closed || first_waiting(p, false) || p->n_inside < p->capacity;
    return p->closed || first_waiting(p, true) || p->n_inside > 0;
}

static void send_now(struct world *w, struct part *part)
{
    struct pipe *p = part->pipe;
    struct part *receiver = first_waiting(p, false);

    if (p->closed) {
        finish(w, part, PROA_ECLOSED, 0);
        return;
    }
    if (receiver)
        finish(w, receiver, 0, part->value);
    else
        p->inside[p->n_inside++] = part->value;
    finish(w, part, 0, 0);
}

static void receive_now(struct world *w, struct part *part)
{
    struct pipe *p = part->pipe;
    struct part *sender = first_waiting(p, true);

    if (sender) {
        p->inside[p->n_inside++] = sender->value;
        finish(w, sender, 0, 0);
    }
    if (p->n_inside == 0) {
        finish(w, part, PROA_ECLOSED, 0);
        return;
    }
    finish(w, part, 0, p->inside[0]);
    memmove(p->inside, p->inside + 1, --p->n_inside * sizeof p->inside[0]);
}

static void close_model(struct world *w, struct pipe *p)
{
    struct part *part;

    p->closed = true;
    while ((part = first_waiting(p, true)) || (part = first_waiting(p, false)))
        finish(w, part, PROA_ECLOSED, 0);
}

/* ---- operations */

static struct proa_case case_of(const struct part *part, void *item, long *got, void **got_item)
{
    const struct pipe *p = part->pipe;

    if (p->queue)
        return part->sends ? proa_case_put(p->queue, item) : proa_case_get(p->queue, got_item);
    return part->sends ? proa_case_send(p->channel, &part->value)
                       : proa_case_receive(p->channel, got);
}

/* One case happened, or was cut: is that what the model says? */
static void compare(struct world *w, const struct op *op, int won, int rc, long got)
{
    const struct part *part = &op->parts[won];

    SEE(w, op->outcome == DONE, "case %d happened, the model has %d", won, (int)op->outcome);
    SEE(w, op->pipe == part->pipe && op->sent == part->sends, "case %d is another one", won);
    SEE(w, op->rc == rc, "%s, not %s", proa_err_name(rc), proa_err_name(op->rc));
    if (rc == 0 && !part->sends)
        SEE(w, got == op->value, "got %ld, not %ld", got, op->value);
}

static void fill(struct world *w, struct op *op)
{
    op->n = 1 + (int)below(w, CASES);
    for (int i = 0; i < op->n; i++) {
        struct part *part = &op->parts[i];

        part->op = op;
        part->pipe = &w->pipes[below(w, PIPES)];
        part->sends = below(w, 2);
        part->value = ++w->last_value;
        for (int k = 0; k < i; k++) /* whichever of two equal cases happens */
            if (op->parts[k].pipe == part->pipe)
                part->value = op->parts[k].value;
    }
}

/* A call alone, where there is one case: the same as a select of it. */
static int call_alone(const struct part *part, long *got, void **got_item)
{
    const struct pipe *p = part->pipe;

    if (p->queue && part->sends)
        return proa_queue_put(p->queue, (void *)(intptr_t)part->value);
    if (p->queue)
        return proa_queue_get(p->queue, got_item);
    return part->sends ? proa_channel_send(p->channel, &part->value)
                       : proa_channel_receive(p->channel, got);
}

/* Make the operation; returns the case that won, its code in *rc. */
static int perform(struct world *w, const struct op *op, int *rc, long *ret_got)
{
    struct proa_case cases[CASES];
    void *items[CASES];
    long got[CASES];
    int won;

    if (op->n == 1 && below(w, 2)) {
        won = 0;
        *rc = call_alone(&op->parts[0], &got[0], &items[0]);
        if (*rc == PROA_ECANCELED)
            return *rc;
    } else {
        for (int i = 0; i < op->n; i++)
            cases[i] = op->parts[i].pipe
                           ? case_of(&op->parts[i], (void *)(intptr_t)op->parts[i].value, &got[i],
                                     &items[i])
                           : proa_case_timer(op->parts[i].value);
        won = proa_select(cases, (size_t)op->n, NULL);
        if (won < 0)
            return won;
        *rc = cases[won].rc;
    }
    *ret_got = op->parts[won].pipe && op->parts[won].pipe->queue ? (long)(intptr_t)items[won]
                                                                 : got[won];
    return won;
}

/* At once: the model does what the library did. Else it knew before. */
static void settle(struct world *w, struct op *op, bool at_once, int won, int rc, long got)
{
    struct part *part = won >= 0 ? &op->parts[won] : NULL;

    if (won < 0) {
        SEE(w, won == PROA_ECANCELED, "%s", proa_err_name(won));
        SEE(w, op->outcome == CUT, "the model has %d", (int)op->outcome);
        return;
    }
    if (!part->pipe) { /* the timer: nothing else had happened */
        SEE(w, op->outcome == WAITING && !at_once && rc == 0, "the model has %d", (int)op->outcome);
        leave_all(w, op);
        return;
    }
    if (at_once) {
        SEE(w, possible(part), "case %d was not possible", won);
        if (part->sends)
            send_now(w, part);
        else
            receive_now(w, part);
    }
    compare(w, op, won, rc, got);
}

static void forget(struct world *w, const struct op *op)
{
    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i] == op)
            w->open[i] = w->open[--w->n_open];
}

static int operate(struct world *w)
{
    struct op op = {.n = 0};
    bool at_once = false;
    long got = 0;
    int rc = 0;

    PROA_SCOPE(scope);
    fill(w, &op);
    if (op.n > 1 && !below(w, 4)) {
        op.parts[op.n - 1].pipe = NULL;
        op.parts[op.n - 1].value = (long)span(w);
    }
    for (int i = 0; i < op.n; i++)
        at_once |= possible(&op.parts[i]);
    for (int i = 0; i < op.n && !at_once; i++)
        if (op.parts[i].pipe)
            op.parts[i].pipe->waiting[op.parts[i].pipe->n_waiting++] = &op.parts[i];
    op.scope = &scope;
    w->open[w->n_open++] = &op;

    int won = perform(w, &op, &rc, &got);

    forget(w, &op);
    settle(w, &op, at_once, won, rc, got);
    return proa_scope_result(&scope, won < 0 ? won : 0);
}

/* ---- disturbances */

static void cancel_one(struct world *w)
{
    struct op *op = w->n_open ? w->open[below(w, w->n_open)] : NULL;

    if (!op)
        return;
    if (op->outcome == WAITING) { /* else it is done, and stays so */
        op->outcome = CUT;
        leave_all(w, op);
    }
    proa_scope_cancel(op->scope);
}

static void close_pipe(struct world *w, struct pipe *p)
{
    close_model(w, p);
    if (p->queue)
        proa_queue_shutdown(p->queue, PROA_QUEUE_DRAIN);
    else
        proa_channel_close(p->channel);
}

/* ---- programs */

static int act(void *arg)
{
    struct world *w = arg;
    int rc = 0;

    for (uint64_t n = below(w, STEPS) + 1; n > 0 && rc == 0; n--)
        switch (below(w, 12)) {
        case 0:
            cancel_one(w);
            break;
        case 1:
        case 2:
            rc = proa_sleep(span(w));
            break;
        case 3:
            if (!below(w, 4))
                close_pipe(w, &w->pipes[below(w, PIPES)]);
            break;
        default:
            rc = operate(w);
        }
    return rc;
}

static void make_pipes(struct world *w)
{
    for (int i = 0; i < PIPES; i++) {
        struct pipe *p = &w->pipes[i];

        p->capacity = (size_t)i; /* 0, 1, 2 and a queue of 3 */
        if (i == PIPES - 1)
            ck_ok(proa_queue_new(&p->queue, PROA_QUEUE_OPTS(.limit = p->capacity)));
        else
            ck_ok(proa_channel_new(&p->channel, sizeof(long),
                                   PROA_CHANNEL_OPTS(.capacity = p->capacity)));
    }
}

/* What is left inside is what the model has. */
static void drain(struct world *w, const struct pipe *p)
{
    for (size_t i = 0; i < p->n_inside; i++) {
        void *item = NULL;
        long got = 0;

        if (p->queue)
            ck_ok(proa_queue_try_get(p->queue, &item));
        else
            ck_ok(proa_channel_try_receive(p->channel, &got));
        got += (long)(intptr_t)item;
        SEE(w, got == p->inside[i], "left %ld, not %ld", got, p->inside[i]);
    }
    SEE(w, (p->queue ? proa_queue_len(p->queue) : proa_channel_len(p->channel)) == 0,
        "more is left");
    proa_channel_free(p->channel);
    proa_queue_free(p->queue);
}

static int be_world(void *arg)
{
    struct world *w = arg;

    make_pipes(w);
    {
        PROA_GROUP(g);
        for (int i = 0; i < ACTORS; i++)
            ck_ok(proa_create_task(&g, act, w));
        ck_ok(proa_sleep(STEPS * 2 * PROA_SEC)); /* who still waits then waits for ever */
        for (int i = 0; i < PIPES; i++)
            close_pipe(w, &w->pipes[i]);
        ck_ok(proa_group_join(&g));
    }
    for (int i = 0; i < PIPES; i++)
        drain(w, &w->pipes[i]);
    return 0;
}

static void try_seed(uint64_t seed)
{
    static struct world w;

    w = (struct world){.seed = seed, .random = {.state = seed}};
    t_run(be_world, &w);
}
START_TEST(random_pipes_behave_as_the_model_says)
{
    const char *one = getenv("PROA_MODEL_SEED");
    const char *many = getenv("PROA_TEST_SEEDS");
    uint64_t n = many ? strtoull(many, NULL, 10) : SEEDS;

    if (one) {
        try_seed(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= n; seed++)
        try_seed(seed);
}
END_TEST

int main(void)
{
    return t_main("channel_model", (const TTest *const[]){
                                       random_pipes_behave_as_the_model_says,
                                       NULL,
                                   });
}
