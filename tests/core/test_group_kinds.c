#include "base/fail.h"
#include "core/group.h"
#include "support/t_run.h"

#include <proa/fault.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* Of groups: what the end of one task means for the others. */

struct worker {
    int64_t ns;      /* how long it sleeps */
    int rc;          /* what it then returns */
    int64_t cleanup; /* how long it cleans up if it was cancelled */
    int late_rc;     /* and what it returns then; 0: the PROA_ECANCELED */
    int got;         /* what the sleep returned */
};

static int work(void *arg)
{
    struct worker *w = arg;

    w->got = proa_sleep(w->ns);
    if (w->got == 0)
        return w->rc < 0 ? proa__fail(w->rc, "worker %d", -w->rc) : w->rc;
    if (w->cleanup) {
        PROA_SHIELD(s, PROA_HOUR);
        ck_ok(proa_sleep(w->cleanup));
    }
    return w->late_rc ? w->late_rc : w->got;
}

static void create(struct proa_group *g, const char *name, struct worker *w)
{
    ck_ok(proa_create_task_opts(g, NULL, work, w, PROA_TASK_OPTS(.name = name)));
}

struct faults {
    int n;
    int rc;
};

static int note_fault(const struct proa_fault *fault, void *arg)
{
    struct faults *f = arg;

    f->n++;
    f->rc = fault->rc;
    return 0;
}

/* ---- supervise */

static int supervise_body(void *arg)
{
    struct worker w[3] = {{.ns = 2, .rc = PROA_EIO}, {.ns = 1, .rc = PROA_EPIPE}, {.ns = PROA_SEC}};
    struct proa_task_error e[3];
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    create(&g, "a", &w[0]);
    create(&g, "b", &w[1]);
    create(&g, "c", &w[2]);
    ck_ok(proa_sleep(PROA_MS)); /* the body goes on */
    ck_err(proa_group_join(&g), PROA_EPIPE);
    ck_assert_str_eq(proa_err_detail(PROA_EPIPE), "worker 32");
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_int_eq(w[2].got, 0);
    ck_assert_uint_eq(proa_group_errors(&g, e, 3), 2);
    ck_assert_str_eq(e[0].name, "b");
    ck_assert_str_eq(e[1].name, "a");
    ck_assert_int_eq(e[1].rc, PROA_EIO);
    ck_assert_ptr_null(proa_group_winner(&g, NULL));
    return 0;
}
START_TEST(in_a_supervised_group_a_failure_cancels_nobody)
{
    t_run_modes(supervise_body, NULL);
}
END_TEST

static int left_supervised(struct worker *w)
{
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    create(&g, "a", &w[0]);
    create(&g, "b", &w[1]);
    return proa_sleep(PROA_MS);
}

static int left_supervised_body(void *arg)
{
    struct worker w[2] = {{.ns = 1, .rc = PROA_EIO}, {.ns = PROA_HOUR}};
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_ok(left_supervised(w));
    ck_assert_int_eq(f.n, 1);
    ck_assert_int_eq(w[1].got, PROA_ECANCELED);
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(supervised_group_left_without_join_is_cancelled_and_its_failures_reported)
{
    t_run_modes(left_supervised_body, NULL);
}
END_TEST

static int no_memory_body(void *arg)
{
    struct worker w = {.ns = 1};

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    create(&g, "a", &w);
    t_alloc_fail(1);
    ck_err(proa_create_task_opts(&g, NULL, work, &w, PROA_TASK_OPTS(.name = "b")), PROA_ENOMEM);
    ck_assert(t_alloc_failed());
    ck_err(proa_group_join(&g), PROA_ENOMEM);
    ck_assert_int_eq(w.got, 0);
    return 0;
}
START_TEST(supervised_group_goes_on_without_the_task_that_could_not_be_created)
{
    t_run_modes(no_memory_body, NULL);
}
END_TEST

static int many_errors_body(void *arg)
{
    struct worker w = {.ns = 1, .rc = PROA_EIO};
    struct proa_task_error e;
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    PROA_GROUP(g, .kind = PROA_GROUP_SUPERVISE);
    for (int i = 0; i < GROUP_ERRORS; i++)
        create(&g, NULL, &w);
    ck_ok(proa_sleep(2));
    ck_assert_int_eq(f.n, 0);
    create(&g, NULL, &w);
    ck_ok(proa_sleep(2));
    ck_assert_int_eq(f.n, 1);
    ck_err(proa_group_join(&g), PROA_EIO);
    ck_assert_uint_eq(proa_group_errors(&g, &e, 1), GROUP_ERRORS + 1);
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(a_thousand_failures_are_listed_and_further_ones_reported)
{
    t_run(many_errors_body, NULL);
}
END_TEST

/* ---- race */

static int race_body(void *arg)
{
    struct worker w[4] = {
        {.ns = 1, .rc = PROA_EIO},
        {.ns = PROA_HOUR, .cleanup = PROA_SEC},
        {.ns = PROA_MS, .rc = 7},
        {.ns = PROA_HOUR, .late_rc = PROA_EPIPE},
    };
    struct proa_task_ref winner;
    struct proa_task_ref ref;
    struct proa_task_error e[3];
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_RACE);
    create(&g, "fails", &w[0]);
    create(&g, "slow", &w[1]);
    ck_ok(proa_create_task_opts(&g, &ref, work, &w[2], PROA_TASK_OPTS(.name = "wins")));
    create(&g, "late", &w[3]);
    ck_assert_ptr_null(proa_group_winner(&g, &winner));
    ck_err(proa_sleep(PROA_HOUR), PROA_ECANCELED); /* the rest of the frame is cancelled too */
    ck_assert_int_eq(proa_now() - began, PROA_MS);
    ck_assert_int_eq(proa_group_join(&g), 7);
    ck_assert_int_eq(proa_now() - began, PROA_MS + PROA_SEC);
    ck_assert_str_eq(proa_group_winner(&g, &winner), "wins");
    ck_assert_ptr_eq(winner.task, ref.task);
    ck_assert_int_eq(proa_task_join(winner), 7);
    ck_assert_int_eq(w[1].got, PROA_ECANCELED);
    ck_assert_uint_eq(proa_group_errors(&g, e, 3), 2);
    ck_assert_str_eq(e[0].name, "fails");
    ck_assert_str_eq(e[1].name, "late");
    ck_assert_int_eq(proa_group_join(&g), 7);
    return proa_yield();
}
START_TEST(in_a_race_the_first_success_cancels_the_rest_and_is_named)
{
    t_run_modes(race_body, NULL);
}
END_TEST

static int all_fail_body(void *arg)
{
    struct worker w[2] = {{.ns = 2, .rc = PROA_EIO}, {.ns = 1, .rc = PROA_EPIPE}};

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_RACE);
    create(&g, "a", &w[0]);
    create(&g, "b", &w[1]);
    ck_err(proa_group_join(&g), PROA_EPIPE);
    ck_assert_ptr_null(proa_group_winner(&g, NULL));
    ck_assert_uint_eq(proa_group_errors(&g, NULL, 0), 2);
    return 0;
}

static int second_success_body(void *arg)
{
    struct worker w[2] = {{.ns = PROA_HOUR, .late_rc = 9}, {.ns = 1}};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g, .kind = PROA_GROUP_RACE);
    create(&g, "a", &w[0]);
    ck_ok(proa_create_task_opts(&g, &ref, work, &w[1], NULL));
    ck_assert_int_eq(proa_group_join(&g), 0); /* 0 wins as well as any other success */
    ck_assert_ptr_nonnull(proa_group_winner(&g, &ref));
    ck_assert_int_eq(w[0].got, PROA_ECANCELED);
    return 0;
}
START_TEST(race_without_a_winner_tells_the_first_failure_and_only_one_wins)
{
    t_run_modes(all_fail_body, NULL);
    t_run_modes(second_success_body, NULL);
}
END_TEST

static int nobody_wins_body(void *arg)
{
    struct worker w = {.ns = PROA_HOUR};

    (void)arg;
    {
        PROA_GROUP(g, .kind = PROA_GROUP_RACE);
        ck_ok(proa_group_join(&g));
        ck_assert_ptr_null(proa_group_winner(&g, NULL));
    }
    {
        PROA_GROUP(g, .kind = PROA_GROUP_RACE);
        create(&g, "a", &w);
        proa_group_cancel(&g);
        ck_ok(proa_group_join(&g));
        ck_assert_ptr_null(proa_group_winner(&g, NULL));
    }
    PROA_GROUP(g, .kind = PROA_GROUP_RACE);
    create(&g, "a", &w);
    ck_err(PROA_WITHIN(PROA_SEC, proa_group_join(&g)), PROA_ETIMEDOUT);
    return 0;
}

/* The winner has ended when the cancel comes; the loser still cleans up. */
static int cancel_after_win_body(void *arg)
{
    struct worker w[2] = {{.ns = 1, .rc = 5}, {.ns = PROA_HOUR, .cleanup = PROA_SEC}};

    (void)arg;
    PROA_TIMEOUT(t, PROA_MS);
    {
        PROA_GROUP(g, .kind = PROA_GROUP_RACE);
        create(&g, "a", &w[0]);
        create(&g, "b", &w[1]);
        ck_assert_int_eq(proa_group_join(&g), 5);
    }
    ck_err(proa_timeout_result(&t, proa_yield()), PROA_ETIMEDOUT);
    return 0;
}
START_TEST(cancelled_race_has_no_winner_unless_there_was_one)
{
    t_run_modes(nobody_wins_body, NULL);
    t_run_modes(cancel_after_win_body, NULL);
}
END_TEST

static int left_race(void)
{
    struct worker w[2] = {{.ns = 1, .rc = PROA_EIO}, {.ns = 2, .rc = 5}};

    PROA_GROUP(g, .kind = PROA_GROUP_RACE);
    create(&g, "a", &w[0]);
    create(&g, "b", &w[1]);
    return proa_sleep(PROA_HOUR);
}

static int left_race_body(void *arg)
{
    struct faults f = {0};

    (void)arg;
    proa_fault_set(note_fault, &f);
    ck_err(left_race(), PROA_ECANCELED);
    ck_assert_int_eq(f.n, 0); /* one won: that others did not is no fault */
    proa_fault_set(NULL, NULL);
    return 0;
}
START_TEST(losers_of_a_race_that_was_won_are_no_fault)
{
    t_run_modes(left_race_body, NULL);
}
END_TEST

/* ---- options */

static int bad_kind_body(void *arg)
{
    struct worker w = {.ns = 1};

    PROA_GROUP(g, .kind = *(int *)arg);
    ck_err(proa_create_task(&g, work, &w), PROA_ECANCELED);
    ck_err(proa_group_join(&g), PROA_EINVAL);
    return 0;
}
START_TEST(group_of_a_kind_that_is_none_is_refused_by_its_join)
{
    t_run(bad_kind_body, &(int){-1});
    t_run(bad_kind_body, &(int){PROA_GROUP_RACE + 1});
}
END_TEST

/* ---- one after another */

static int next_body(void *arg)
{
    struct worker w[3] = {{.ns = 3, .rc = 30}, {.ns = 1, .rc = 10}, {.ns = 2, .rc = 20}};
    struct proa_task_ref ref;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, work, &w[0], NULL));
    ck_ok(proa_create_task(&g, work, &w[1])); /* without a reference */
    ck_ok(proa_create_task_opts(&g, &ref, work, &w[2], NULL));
    ck_assert_int_eq(proa_group_next(&g, &ref), 1);
    ck_assert_int_eq(proa_task_join(ref), 20);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(proa_group_next(&g, &ref), 1); /* after the join what is left comes at once */
    ck_assert_int_eq(proa_task_join(ref), 30);
    ck_assert_int_eq(proa_group_next(&g, &ref), 0);
    return 0;
}

static int end_later(void *arg)
{
    return proa_sleep(*(int64_t *)arg);
}

/* Only a task without a reference runs: its end is the end of the row. */
static int next_of_nobody_body(void *arg)
{
    struct proa_task_ref ref = {NULL, 0};
    int64_t ns = PROA_SEC;
    int64_t began = proa_now();

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, end_later, &ns));
    ck_assert_int_eq(proa_group_next(&g, &ref), 0);
    ck_assert_int_eq(proa_now() - began, PROA_SEC);
    ck_assert_ptr_null(ref.task);
    return proa_group_join(&g);
}
START_TEST(next_gives_referenced_tasks_and_ends_with_the_last_task)
{
    t_run_modes(next_body, NULL);
    t_run_modes(next_of_nobody_body, NULL);
}
END_TEST

struct asker {
    struct proa_group *group;
    struct proa_task_ref got;
    int rc;
};

static int ask_other_group(void *arg)
{
    struct asker *a = arg;

    return a->rc = proa_group_next(a->group, &a->got);
}

static void ask_and_leave(struct proa_group *askers, struct asker *a, struct proa_task_ref *ret)
{
    int64_t ns = PROA_SEC;

    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, ret, end_later, &ns, NULL));
    a->group = &g;
    ck_ok(proa_create_task(askers, ask_other_group, a));
    ck_ok(proa_sleep(PROA_MS)); /* it waits */
    ck_ok(proa_group_join(&g));
}

/* In some orders the group is left, and its records are another's, before the asker runs. */
static int left_before_told_body(void *arg)
{
    struct proa_task_ref ref;
    struct asker a = {.rc = 7};

    (void)arg;
    PROA_GROUP(askers);
    ask_and_leave(&askers, &a, &ref);
    ck_ok(proa_group_join(&askers));
    ck_assert_int_eq(a.rc, 1);
    ck_assert_ptr_eq(a.got.task, ref.task);
    ck_assert_uint_eq(a.got.seq, ref.seq);
    return 0;
}
START_TEST(next_is_told_of_a_task_although_the_group_was_left_meanwhile)
{
    t_run_modes(left_before_told_body, NULL);
}
END_TEST

static int ask_own_group(void *group)
{
    struct proa_task_ref ref;

    return proa_group_next(group, &ref);
}

static int own_group_body(void *arg)
{
    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, NULL, ask_own_group, &g, PROA_TASK_OPTS(.name = "worker")));
    return proa_group_join(&g);
}
START_TEST(next_of_ones_own_group_aborts)
{
    t_run_aborts(own_group_body, NULL, "proa_group_next: task worker waits for its own end");
}
END_TEST

static int all_kinds(void *arg)
{
    struct worker w[3] = {{.ns = 1, .rc = 1}, {.ns = 2, .rc = 2}, {.ns = 3, .rc = PROA_EIO}};
    enum proa_group_kind kind = *(enum proa_group_kind *)arg;
    struct proa_task_ref ref;
    int rc = 0;

    PROA_GROUP(g, .kind = kind);
    for (int i = 0; i < 2 && rc >= 0; i++)
        rc = proa_create_task_opts(&g, &ref, work, &w[i], PROA_TASK_OPTS(.name = "named"));
    if (kind != PROA_GROUP_ALL)
        proa_create_task(&g, work, &w[2]);
    while (proa_group_next(&g, &ref) > 0)
        proa_task_join(ref);
    rc = proa_group_join(&g);
    return rc == PROA_EIO ? 0 : rc;
}
START_TEST(cancel_at_each_point_and_each_failed_allocation_leave_nothing)
{
    for (int kind = PROA_GROUP_ALL; kind <= PROA_GROUP_RACE; kind++) {
        t_each_park(all_kinds, &kind);
        t_run_each_alloc(all_kinds, &kind);
    }
}
END_TEST

int main(void)
{
    return t_main("group_kinds",
                  (const TTest *const[]){
                      in_a_supervised_group_a_failure_cancels_nobody,
                      supervised_group_left_without_join_is_cancelled_and_its_failures_reported,
                      supervised_group_goes_on_without_the_task_that_could_not_be_created,
                      a_thousand_failures_are_listed_and_further_ones_reported,
                      in_a_race_the_first_success_cancels_the_rest_and_is_named,
                      race_without_a_winner_tells_the_first_failure_and_only_one_wins,
                      cancelled_race_has_no_winner_unless_there_was_one,
                      losers_of_a_race_that_was_won_are_no_fault,
                      group_of_a_kind_that_is_none_is_refused_by_its_join,
                      next_gives_referenced_tasks_and_ends_with_the_last_task,
                      next_is_told_of_a_task_although_the_group_was_left_meanwhile,
                      next_of_ones_own_group_aborts,
                      cancel_at_each_point_and_each_failed_allocation_leave_nothing,
                      NULL,
                  });
}
