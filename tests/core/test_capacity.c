#include "support/t_run.h"

#include <proa/capacity.h>
#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/scope.h>
#include <proa/time.h>

#include <string.h>

struct guest {
    struct proa_capacity *c;
    int64_t stays;
    int rc;
    int64_t came; /* when it had its place */
    bool forgets;
};

static int stay(void *arg)
{
    struct guest *g = arg;

    g->rc = proa_capacity_acquire(g->c);
    if (g->rc < 0)
        return g->rc;
    g->came = proa_now();
    g->rc = proa_sleep(g->stays);
    if (!g->forgets)
        proa_capacity_release(g->c);
    return g->rc;
}

/* Three guests, a second each, for two places. */
static int in_turn_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    struct guest g[3];
    int64_t began = proa_now();
    PROA_GROUP(all);

    ck_ok(proa_capacity_new(&c, 2));
    for (int i = 0; i < 3; i++) {
        g[i] = (struct guest){.c = c, .stays = (i + 1) * PROA_SEC, .forgets = arg != NULL};
        ck_ok(proa_create_task(&all, stay, &g[i]));
        t_settle();
    }
    ck_assert_uint_eq(proa_capacity_borrowed(c), 2);
    ck_assert_uint_eq(proa_capacity_waiting(c), 1);
    ck_assert_uint_eq(proa_capacity_total(c), 2);
    ck_ok(proa_group_join(&all));
    ck_assert_uint_eq(proa_capacity_borrowed(c), 0);
    ck_assert_int_lt(g[1].came - began, PROA_MS);
    ck_assert_int_eq(g[2].came - g[0].came, PROA_SEC);
    return 0;
}
START_TEST(so_many_at_once_and_the_others_in_turn)
{
    t_run_modes(in_turn_body, NULL);
}
END_TEST

START_TEST(what_a_task_forgot_comes_back_at_its_end)
{
    static int yes;

    t_run_modes(in_turn_body, &yes);
}
END_TEST

static int twice_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;

    (void)arg;
    ck_ok(proa_capacity_new(&c, 5));
    ck_ok(proa_capacity_acquire(c));
    ck_err(proa_capacity_acquire(c), PROA_EDEADLK);
    ck_err(proa_capacity_try_acquire(c), PROA_EDEADLK);
    ck_assert_uint_eq(proa_capacity_borrowed(c), 1);
    proa_capacity_release(c);
    ck_ok(proa_capacity_try_acquire(c));
    proa_capacity_release(c);
    return 0;
}
START_TEST(a_task_borrows_one)
{
    t_run(twice_body, NULL);
}
END_TEST

struct request {
    struct proa_capacity *c;
    int job;
    int rc;
};

static int ask_for(void *arg)
{
    struct request *r = arg;

    return r->rc = proa_capacity_acquire_for(r->c, &r->job);
}

/* A place of something else than a task outlives the task that asked. */
static int others_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    struct request r[2];
    struct proa_task_ref who[3];

    (void)arg;
    ck_ok(proa_capacity_new(&c, 2));
    for (int i = 0; i < 2; i++) {
        r[i] = (struct request){.c = c};
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, ask_for, &r[i]));
        ck_ok(proa_group_join(&g));
    }
    ck_err(ask_for(&r[0]), PROA_EDEADLK);
    ck_err(proa_capacity_try_acquire(c), PROA_EAGAIN);
    proa_capacity_release_for(c, &r[0].job);
    ck_ok(proa_capacity_try_acquire(c));
    ck_assert_uint_eq(proa_capacity_borrowers(c, who, 3), 2);
    ck_assert_ptr_null(who[0].task);
    ck_assert_uint_eq(who[1].seq, proa_current_task().seq);
    who[0].seq = 99;
    ck_assert_uint_eq(proa_capacity_borrowers(c, who, 0), 2);
    ck_assert_uint_eq(who[0].seq, 99);
    proa_capacity_release_for(c, &r[1].job);
    proa_capacity_release(c);
    return 0;
}
START_TEST(others_than_tasks_borrow_too)
{
    t_run_modes(others_body, NULL);
}
END_TEST

/* Who waits for one cannot ask for a second either. */
static int waiting_twice_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    struct request r;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    ck_ok(proa_capacity_acquire(c));
    r = (struct request){.c = c};
    ck_ok(proa_create_task(&g, ask_for, &r));
    t_settle();
    ck_err(ask_for(&r), PROA_EDEADLK);
    proa_capacity_release(c);
    ck_ok(proa_group_join(&g));
    proa_capacity_release_for(c, &r.job);
    return 0;
}
START_TEST(a_borrower_that_waits_cannot_ask_again)
{
    t_run_modes(waiting_twice_body, NULL);
}
END_TEST

/* Unless it does not wait any more. */
static int cut_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    struct request r;

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    ck_ok(proa_capacity_acquire(c));
    r = (struct request){.c = c};
    ck_err(PROA_WITHIN(PROA_SEC, ask_for(&r)), PROA_ETIMEDOUT);
    ck_assert_uint_eq(proa_capacity_waiting(c), 0);
    proa_capacity_release(c);
    ck_ok(ask_for(&r));
    proa_capacity_release_for(c, &r.job);
    return 0;
}
START_TEST(a_borrower_whose_wait_was_cut_asks_again)
{
    t_run_modes(cut_body, NULL);
}
END_TEST

#define MANY 1000

static int many_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    static char borrowers[MANY];
    int rc = proa_capacity_new(&c, MANY);
    size_t n = 0;

    (void)arg;
    while (rc >= 0 && n < MANY)
        if ((rc = proa_capacity_acquire_for(c, &borrowers[n])) >= 0)
            n++;
    if (rc >= 0)
        for (size_t i = 0; i < MANY; i++)
            ck_err(proa_capacity_acquire_for(c, &borrowers[i]), PROA_EDEADLK);
    for (size_t i = 0; i < n; i += 2)
        proa_capacity_release_for(c, &borrowers[i]);
    for (size_t i = 1; i < n; i += 2)
        proa_capacity_release_for(c, &borrowers[i]);
    if (c)
        ck_assert_uint_eq(proa_capacity_borrowed(c), 0);
    return rc;
}
START_TEST(each_of_many_borrowers_has_its_own_place)
{
    t_run_modes(many_body, NULL);
}
END_TEST

static int resize_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    struct guest g[3];
    PROA_GROUP(all);

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    for (int i = 0; i < 3; i++) {
        g[i] = (struct guest){.c = c, .stays = PROA_SEC};
        ck_ok(proa_create_task(&all, stay, &g[i]));
    }
    t_settle();
    ck_assert_uint_eq(proa_capacity_borrowed(c), 1);
    ck_ok(proa_capacity_resize(c, 3));
    ck_assert_uint_eq(proa_capacity_borrowed(c), 3);
    ck_ok(proa_capacity_resize(c, 1));
    ck_assert_uint_eq(proa_capacity_total(c), 1);
    ck_err(proa_capacity_try_acquire(c), PROA_EAGAIN);
    ck_err(proa_capacity_resize(c, 0), PROA_EINVAL);
    ck_ok(proa_group_join(&all));
    ck_ok(proa_capacity_try_acquire(c));
    proa_capacity_release(c);
    ck_ok(proa_capacity_resize(c, PROA_UNLIMITED));
    return 0;
}
START_TEST(its_places_change_while_they_are_lent)
{
    t_run_modes(resize_body, NULL);
}
END_TEST

/* A place that is given and a cancel in the same turn: the place is not lost. */
static int cancel_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    struct guest g[2];
    PROA_GROUP(all);

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    ck_ok(proa_capacity_acquire(c));
    for (int i = 0; i < 2; i++) {
        g[i] = (struct guest){.c = c, .stays = PROA_SEC};
        ck_ok(proa_create_task(&all, stay, &g[i]));
    }
    t_settle();
    proa_capacity_release(c);
    proa_group_cancel(&all);
    ck_ok(proa_group_join(&all));
    ck_assert_uint_eq(proa_capacity_borrowed(c), 0);
    ck_assert_uint_eq(proa_capacity_waiting(c), 0);
    return 0;
}
START_TEST(a_cancel_loses_no_place)
{
    t_run_modes(cancel_body, NULL);
}
END_TEST

/* For borrowers that are no tasks. */
static int few_body(void *arg)
{
    struct proa_capacity *c = NULL;
    struct request r[2];
    int rc = proa_capacity_new(&c, 2);

    (void)arg;
    r[0] = r[1] = (struct request){.c = c};
    for (int i = 0; i < 2 && rc >= 0; i++)
        if ((rc = ask_for(&r[i])) < 0 && i == 1)
            proa_capacity_release_for(c, &r[0].job);
    for (int i = 0; i < 2 && rc >= 0; i++)
        proa_capacity_release_for(c, &r[i].job);
    proa_capacity_free(c);
    return rc;
}

static int any_body(void *arg)
{
    struct proa_capacity *c = NULL;
    struct guest g[2] = {{.stays = PROA_SEC}, {.stays = PROA_SEC}};
    int rc = proa_capacity_new(&c, 1);

    (void)arg;
    if (rc >= 0) {
        PROA_GROUP(all);

        g[0].c = g[1].c = c;
        proa_create_task(&all, stay, &g[0]);
        proa_create_task(&all, stay, &g[1]);
        rc = proa_group_join(&all);
    }
    proa_capacity_free(c); /* stops the program if a place was lost */
    return rc;
}
START_TEST(each_cancel_and_each_allocation_leave_it_whole)
{
    t_each_park(any_body, NULL);
    t_run_each_alloc(any_body, NULL);
    t_run_each_alloc(few_body, NULL);
}
END_TEST

static int words_body(void *arg)
{
    PROA_AUTO(proa_capacity) *c = NULL;
    char text[120];

    (void)arg;
    ck_err(proa_capacity_new(&c, 0), PROA_EINVAL);
    ck_ok(proa_capacity_new(&c, 3));
    ck_ok(proa_capacity_acquire(c));
    ck_ok(proa_describe(c, text, sizeof text));
    ck_assert_ptr_nonnull(strstr(text, "capacity 0x"));
    ck_assert_ptr_nonnull(strstr(text, ", 1 places of 3 borrowed"));
    proa_capacity_release(c);
    return 0;
}
START_TEST(it_is_told_in_words)
{
    t_run(words_body, NULL);
}
END_TEST

/* ---- misuse */

static int release_none(void *arg)
{
    struct proa_capacity *c;

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    proa_capacity_release(c);
    return 0;
}
static int release_for_none(void *arg)
{
    struct proa_capacity *c;

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    proa_capacity_release_for(c, &c);
    return 0;
}
static int free_lent(void *arg)
{
    struct proa_capacity *c;

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    ck_ok(proa_capacity_acquire(c));
    proa_capacity_free(c);
    return 0;
}
static int release_waiting(void *arg)
{
    struct proa_capacity *c;
    struct request r;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_capacity_new(&c, 1));
    ck_ok(proa_capacity_acquire(c));
    r = (struct request){.c = c};
    ck_ok(proa_create_task(&g, ask_for, &r));
    t_settle();
    proa_capacity_release_for(c, &r.job);
    return 0;
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(release_waiting, NULL, "has no place of capacity");
    t_run_aborts(release_none, NULL, "proa_capacity_release: task main has no place");
    t_run_aborts(release_for_none, NULL, "has no place of capacity");
    t_run_aborts(free_lent, NULL, "task main frees capacity");
}
END_TEST

int main(void)
{
    return t_main("capacity", (const TTest *const[]){
                                  so_many_at_once_and_the_others_in_turn,
                                  what_a_task_forgot_comes_back_at_its_end,
                                  a_task_borrows_one,
                                  others_than_tasks_borrow_too,
                                  a_borrower_that_waits_cannot_ask_again,
                                  a_borrower_whose_wait_was_cut_asks_again,
                                  each_of_many_borrowers_has_its_own_place,
                                  its_places_change_while_they_are_lent,
                                  a_cancel_loses_no_place,
                                  each_cancel_and_each_allocation_leave_it_whole,
                                  it_is_told_in_words,
                                  misuse_stops_the_program,
                                  NULL,
                              });
}
