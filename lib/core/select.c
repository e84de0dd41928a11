#include "base/opts.h"
#include "core/arm.h"
#include "core/sched.h"

_Static_assert(offsetof(struct proa_case, rc) == offsetof(struct arm, rc), "the case shows rc");

/* ---- in words */

void proa__arm_describe(const struct arm *arm, struct view *v)
{
    if (arm->ops->describe)
        arm->ops->describe(arm->object, v);
    if (arm->ops->detail)
        arm->ops->detail(arm, v);
}

static void describe_arm(const struct wait *w, struct view *v)
{
    const struct arm *arm = w->on;

    v->call = arm->ops->call;
    proa__arm_describe(arm, v);
}

const struct wait_kind proa__arm_waits = {.call = "a wait", .detail = describe_arm};

/* ---- which of several possible ones */

/*
 * The cases in the order in which they are tried: each order as likely as any other. The sequence
 * is the same in each run.
 */
static void shuffle(struct sched *s, uint8_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint8_t)i;
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = (size_t)((sched_draw(&s->select_state) >> 32) * (i + 1) >> 32);
        uint8_t was = order[i];

        order[i] = order[j];
        order[j] = was;
    }
}

/* The case that is done at once, or PROA_EAGAIN. */
static int try_all(struct proa_case *cases, const uint8_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct arm *arm = arm_of(&cases[order[i]]);

        if (arm->ops->try(arm))
            return order[i];
    }
    return PROA_EAGAIN;
}

/* ---- sleeping */

/* Nothing was woken: the first `n` in order leave their places. */
static void unlink(struct proa_case *cases, const uint8_t *order, struct wait *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        list_remove(&w[order[i]].link);
        arm_undo(arm_of(&cases[order[i]]));
    }
}

static void describe_cases(const struct wait *w, struct view *v)
{
    const struct proa_case *cases = w->on;

    for (uint32_t i = 0; i < w->of->n_waits; i++) {
        const struct arm *arm = (const struct arm *)&cases[i];

        proa__view_say(v, "%s%s: ", i ? "; " : "", arm->ops->call);
        proa__arm_describe(arm, v);
    }
    v->by = NULL; /* any one of them will do */
}

static const struct wait_kind select_waits = {.call = "proa_select", .detail = describe_cases};

/* All were tried. In the order of the trying, for one thing may stand in two cases. */
static int sleep_on_all(struct proa_case *cases, const uint8_t *order, size_t n)
{
    struct wait w[PROA_SELECT_MAX];
    int won;

    for (size_t i = 0; i < n; i++) {
        struct arm *arm = arm_of(&cases[order[i]]);

        if (!arm->ops->link(arm, &w[order[i]])) {
            unlink(cases, order, w, i);
            return order[i];
        }
    }
    won = proa__wait_park(w, n, &select_waits, cases);
    if (won >= 0)
        arm_take(arm_of(&cases[won]), &w[won]);
    for (size_t i = 0; i < n; i++)
        arm_undo(arm_of(&cases[i]));
    return won;
}

/* ---- selecting */

static int prepare(uint8_t *order, size_t n, const struct proa_select_opts *opts)
{
    struct proa_select_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (n == 0 || n > PROA_SELECT_MAX)
        return PROA_EINVAL;
    if (!o.priority)
        shuffle(proa__loop_here->sched, order, n);
    else
        for (size_t i = 0; i < n; i++)
            order[i] = (uint8_t)i;
    return 0;
}

int proa_select(struct proa_case *cases, size_t n, const struct proa_select_opts *opts)
{
    uint8_t order[PROA_SELECT_MAX];
    int rc = proa__wait_enter(__func__);

    if (rc >= 0)
        rc = prepare(order, n, opts);
    if (rc < 0)
        return rc;
    rc = try_all(cases, order, n);
    return rc == PROA_EAGAIN ? sleep_on_all(cases, order, n) : rc;
}

int proa_try_select(struct proa_case *cases, size_t n, const struct proa_select_opts *opts)
{
    uint8_t order[PROA_SELECT_MAX];
    int rc;

    proa__loop_need(__func__);
    rc = prepare(order, n, opts);
    return rc < 0 ? rc : try_all(cases, order, n);
}

/* ---- never */

static bool try_never(struct arm *arm)
{
    (void)arm;
    return false;
}

static bool link_nowhere(struct arm *arm, struct wait *w)
{
    (void)arm;
    proa__wait_link(NULL, w);
    return true;
}

static const struct arm_ops never_ops = {
    .try = try_never,
    .link = link_nowhere,
    .call = "never",
};

struct proa_case proa_case_never(void)
{
    return arm_case((struct arm){.ops = &never_ops});
}
