#include "base/check.h"
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"
#include "core/home.h"
#include "core/owned.h"
#include "core/view.h"
#include "core/wait.h"

#include <proa/capacity.h>

#define MAGIC_CAPACITY 0x63617061u

struct proa_capacity {
    unsigned magic;
    struct home home;
    size_t total;
    size_t borrowed;     /* may be above the total, after a resize */
    struct list loans;   /* struct loan, oldest first */
    struct map asked;    /* those of borrowers that are no tasks, while they wait too */
    struct list waiters; /* struct wait, its loan in the slot, oldest first; empty unless all
                             places are lent */
    size_t sleepers;     /* waiters, and those that were woken or cut and have not run yet */
};

/* A place that is borrowed, or is waited for: made before the wait, which then cannot fail. */
struct loan {
    struct list link; /* in capacity->loans once there is a place */
    struct owned own; /* .by: the task; NULL: of a borrower */
    struct proa_capacity *of;
    const void *borrower; /* NULL: a task */
};

int proa_capacity_new(struct proa_capacity **ret, size_t total)
{
    struct proa_capacity *c;

    if (total == 0)
        return proa__fail(PROA_EINVAL, "a capacity without a place");
    c = proa__zalloc(sizeof *c);
    if (!c)
        return PROA_ENOMEM;
    c->magic = MAGIC_CAPACITY;
    c->total = total;
    proa__home_init(&c->home);
    list_init(&c->loans);
    list_init(&c->waiters);
    *ret = c;
    return 0;
}

void proa_capacity_free(struct proa_capacity *capacity)
{
    if (!capacity)
        return;
    PROA_CHECK_OBJ(capacity, MAGIC_CAPACITY);
    PROA_CHECK(!capacity->borrowed && !capacity->sleepers,
               "proa_capacity_free: task %s frees capacity %p, of which %zu places are borrowed "
               "and for which %zu tasks wait",
               proa__who(), (void *)capacity, capacity->borrowed, capacity->sleepers);
    capacity->magic = 0;
    proa__map_fini(&capacity->asked);
    proa__free(capacity);
}

static void check(struct proa_capacity *c, const char *what)
{
    PROA_CHECK_OBJ(c, MAGIC_CAPACITY);
    home_check(&c->home, what);
}

/* ---- one loan */

static void orphaned(struct owned *own);

static struct proa_str key_of(const void *const *borrower)
{
    return (struct proa_str){(const char *)borrower, sizeof *borrower};
}

static int new_loan(struct proa_capacity *c, const void *borrower, struct loan **ret)
{
    struct loan *loan = proa__zalloc(sizeof *loan);
    int rc = 0;

    if (!loan)
        return PROA_ENOMEM;
    list_init(&loan->link);
    loan->of = c;
    loan->borrower = borrower;
    loan->own.orphaned = orphaned;
    if (borrower)
        rc = proa__map_put(&c->asked, key_of(&loan->borrower), loan, NULL);
    if (rc < 0)
        proa__free(loan);
    else
        *ret = loan;
    return rc;
}

static void free_loan(struct loan *loan)
{
    if (loan->borrower)
        proa__map_remove(&loan->of->asked, key_of(&loan->borrower));
    proa__free(loan);
}

/* ---- lending */

/* To `t`, or, if it is NULL, to its borrower. */
static void lend(struct loan *loan, struct proa_task *t)
{
    list_push(&loan->of->loans, &loan->link);
    loan->of->borrowed++;
    if (t)
        owned_take(&loan->own, t);
}

static struct loan *wanted(const struct wait *w)
{
    return w->slot;
}

static void serve(struct proa_capacity *c)
{
    struct list *first;

    while (c->borrowed < c->total && (first = list_first(&c->waiters))) {
        struct wait *w = CONTAINER_OF(first, struct wait, link);
        struct loan *loan = wanted(w);

        lend(loan, loan->borrower ? NULL : w->of);
        proa__wait_wake_one(w, loan, 0);
    }
}

static void end_loan(struct loan *loan)
{
    struct proa_capacity *c = loan->of;

    list_remove(&loan->link);
    c->borrowed--;
    free_loan(loan);
    serve(c);
}

/* Its task has ended. */
static void orphaned(struct owned *own)
{
    end_loan(CONTAINER_OF(own, struct loan, own));
}

/* ---- who has a place */

static struct loan *loan_of_task(const struct proa_capacity *c, const struct proa_task *t)
{
    for (struct owned *o = t->owned; o; o = o->below) {
        struct loan *loan = CONTAINER_OF(o, struct loan, own);

        if (o->orphaned == orphaned && loan->of == c)
            return loan;
    }
    return NULL;
}

/* Or waits for one. */
static bool has_one(const struct proa_capacity *c, const void *borrower)
{
    if (!borrower)
        return loan_of_task(c, proa__task_here) != NULL;
    return proa__map_get(&c->asked, key_of(&borrower)) != NULL;
}

static struct loan *loan_of(const struct proa_capacity *c, const void *borrower)
{
    struct loan *loan = proa__map_get(&c->asked, key_of(&borrower));

    return loan && list_linked(&loan->link) ? loan : NULL;
}

/* ---- borrowing */

static void describe(const void *object, struct view *v)
{
    const struct proa_capacity *c = object;

    proa__view_object(v, "capacity", c);
    proa__view_say(v, ", %zu places", c->borrowed);
    if (c->total != PROA_UNLIMITED)
        proa__view_say(v, " of %zu", c->total);
    proa__view_say(v, " borrowed");
    proa__view_list(v, &c->waiters, "wait");
}

const struct view_kind proa__capacity_view = {MAGIC_CAPACITY, describe};

static const struct wait_kind acquires = {.call = "proa_capacity_acquire", .describe = describe};

static int ask(struct proa_capacity *c, const void *borrower, struct loan **ret)
{
    if (has_one(c, borrower))
        return proa__fail(PROA_EDEADLK, "task %s: this borrower has a place of capacity %p already",
                          proa__who(), (void *)c);
    return new_loan(c, borrower, ret);
}

static bool try_lend(struct proa_capacity *c, struct loan *loan)
{
    if (c->borrowed >= c->total)
        return false;
    lend(loan, loan->borrower ? NULL : proa__task_here);
    return true;
}

static int wait_for_place(struct proa_capacity *c, struct loan *loan)
{
    struct wait w;
    int rc;

    proa__wait_link(&c->waiters, &w);
    w.slot = loan;
    c->sleepers++;
    rc = proa__wait_park(&w, 1, &acquires, c); /* the place comes with the wake */
    c->sleepers--;
    if (rc < 0)
        free_loan(loan);
    return rc < 0 ? rc : 0;
}

static int acquire(struct proa_capacity *c, const void *borrower, const char *what)
{
    struct loan *loan;
    int rc;

    check(c, what);
    rc = proa__wait_enter(what);
    if (rc >= 0)
        rc = ask(c, borrower, &loan);
    if (rc < 0)
        return rc;
    return try_lend(c, loan) ? 0 : wait_for_place(c, loan);
}

int proa_capacity_acquire(struct proa_capacity *capacity)
{
    return acquire(capacity, NULL, __func__);
}

int proa_capacity_acquire_for(struct proa_capacity *capacity, const void *borrower)
{
    PROA_CHECK(borrower, "proa_capacity_acquire_for: NULL borrows nothing");
    return acquire(capacity, borrower, __func__);
}

int proa_capacity_try_acquire(struct proa_capacity *capacity)
{
    struct loan *loan;
    int rc;

    check(capacity, __func__);
    PROA_CHECK(proa__task_here, "proa_capacity_try_acquire: no task runs here that could borrow");
    rc = ask(capacity, NULL, &loan);
    if (rc < 0)
        return rc;
    if (try_lend(capacity, loan))
        return 0;
    free_loan(loan);
    return PROA_EAGAIN;
}

/* ---- giving back */

void proa_capacity_release(struct proa_capacity *capacity)
{
    struct loan *loan;

    check(capacity, __func__);
    loan = proa__task_here ? loan_of_task(capacity, proa__task_here) : NULL;
    PROA_CHECK(loan, "proa_capacity_release: task %s has no place of capacity %p", proa__who(),
               (void *)capacity);
    owned_give(&loan->own);
    end_loan(loan);
}

void proa_capacity_release_for(struct proa_capacity *capacity, const void *borrower)
{
    struct loan *loan;

    check(capacity, __func__);
    loan = borrower ? loan_of(capacity, borrower) : NULL;
    PROA_CHECK(loan, "proa_capacity_release_for: %p has no place of capacity %p (task %s)",
               borrower, (void *)capacity, proa__who());
    end_loan(loan);
}

int proa_capacity_resize(struct proa_capacity *capacity, size_t total)
{
    check(capacity, __func__);
    if (total == 0)
        return proa__fail(PROA_EINVAL, "a capacity without a place");
    capacity->total = total;
    serve(capacity);
    return 0;
}

/* ---- looking */

static void check_look(const struct proa_capacity *c, const char *what)
{
    PROA_CHECK_OBJ(c, MAGIC_CAPACITY);
    home_check_look(&c->home, what);
}

size_t proa_capacity_borrowed(const struct proa_capacity *capacity)
{
    check_look(capacity, __func__);
    return capacity->borrowed;
}

size_t proa_capacity_total(const struct proa_capacity *capacity)
{
    check_look(capacity, __func__);
    return capacity->total;
}

size_t proa_capacity_waiting(const struct proa_capacity *capacity)
{
    size_t n = 0;

    check_look(capacity, __func__);
    LIST_FOR_EACH (link, &capacity->waiters)
        n++;
    return n;
}

size_t proa_capacity_borrowers(const struct proa_capacity *capacity, struct proa_task_ref *ret,
                               size_t n)
{
    size_t count = 0;

    check_look(capacity, __func__);
    LIST_FOR_EACH (link, &capacity->loans) {
        struct proa_task *t = CONTAINER_OF(link, struct loan, link)->own.by;

        if (count < n)
            ret[count] = t ? (struct proa_task_ref){t, t->seq} : (struct proa_task_ref){0};
        count++;
    }
    return count;
}
