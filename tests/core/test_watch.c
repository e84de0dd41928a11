#include "support/t_run.h"

#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>
#include <proa/watch.h>

struct viewer {
    struct proa_watch *w;
    uint64_t seen;
    int value;
    int rc;
};

static int view(void *arg)
{
    struct viewer *v = arg;

    v->rc = proa_watch_wait(v->w, &v->seen, &v->value);
    return 0;
}

static struct proa_watch *watch(int value)
{
    struct proa_watch *w = NULL;

    ck_ok(proa_watch_new(&w, sizeof value, &value));
    return w;
}

static int latest_body(void *arg)
{
    PROA_AUTO(proa_watch) *w = watch(1);
    uint64_t seen = 0;
    int value = 0;

    (void)arg;
    ck_assert_uint_eq(proa_watch_get(w, &value), 1);
    ck_assert_int_eq(value, 1);
    ck_ok(proa_watch_wait(w, &seen, &value)); /* of the beginning */
    ck_assert_int_eq(value, 1);
    ck_assert_uint_eq(seen, 1);
    value = -1;
    ck_err(proa_watch_try_wait(w, &seen, &value), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_watch_wait(w, &seen, &value)), PROA_ETIMEDOUT);
    ck_assert_int_eq(value, -1);
    for (int i = 2; i <= 5; i++)
        ck_ok(proa_watch_set(w, &i));
    ck_ok(proa_watch_try_wait(w, &seen, &value));
    ck_assert_int_eq(value, 5); /* those in between were missed, not the last */
    ck_assert_uint_eq(seen, 5);
    ck_assert_uint_eq(proa_watch_get(w, NULL), 5);
    ck_ok(proa_watch_set(w, &value)); /* the same once more is news too */
    ck_ok(proa_watch_wait(w, &seen, NULL));
    ck_assert_uint_eq(seen, 6);
    return 0;
}
START_TEST(who_is_slow_sees_the_last_value)
{
    t_run_modes(latest_body, NULL);
}
END_TEST

static int wake_body(void *arg)
{
    struct proa_watch *w = watch(1);
    struct viewer v[3];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++) {
        v[i] = (struct viewer){w, 1, 0, 1};
        ck_ok(proa_create_task(&g, view, &v[i]));
    }
    ck_ok(proa_sleep(1));
    ck_ok(proa_watch_set(w, &(int){2}));
    ck_ok(proa_watch_set(w, &(int){3}));
    proa_watch_close(w);
    proa_watch_free(w); /* all was handed over */
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(v[i].rc, 0);
        ck_assert_int_eq(v[i].value, 2);
        ck_assert_uint_eq(v[i].seen, 2); /* so the next call gives the 3 */
    }
    return 0;
}
START_TEST(all_who_wait_get_the_value_that_is_set)
{
    t_run_modes(wake_body, NULL);
}
END_TEST

static int close_body(void *arg)
{
    PROA_AUTO(proa_watch) *w = watch(1);
    struct viewer waiting = {w, 1, 0, 1};
    uint64_t seen = 0;
    int value = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, view, &waiting));
    ck_ok(proa_sleep(1));
    proa_watch_close(w);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(waiting.rc, PROA_ECLOSED);
    ck_assert_int_eq(waiting.value, 0);
    ck_err(proa_watch_set(w, &value), PROA_ECLOSED);
    ck_ok(proa_watch_wait(w, &seen, &value)); /* who has not seen the last one gets it */
    ck_assert_int_eq(value, 1);
    ck_err(proa_watch_wait(w, &seen, &value), PROA_ECLOSED);
    ck_err(proa_watch_try_wait(w, &seen, &value), PROA_ECLOSED);
    ck_assert_uint_eq(proa_watch_get(w, &value), 1);
    proa_watch_close(w);
    return 0;
}
START_TEST(the_last_value_is_seen_after_the_end)
{
    t_run_modes(close_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    PROA_AUTO(proa_watch) *w = watch(1);
    struct viewer v[2] = {{w, 1, 0, 1}, {w, 1, 0, 1}};
    struct proa_task_ref refs[2];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task_opts(&g, &refs[i], view, &v[i], NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(refs[0]));
    ck_ok(proa_watch_set(w, &(int){2}));
    ck_ok(proa_task_cancel(refs[1]));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(v[0].rc, PROA_ECANCELED);
    ck_assert_uint_eq(v[0].seen, 1);
    ck_assert_int_eq(v[1].rc, 0);
    ck_assert_uint_eq(v[1].seen, 2);
    return 0;
}
START_TEST(a_cancel_sees_nothing)
{
    t_run_modes(cancel_body, NULL);
}
END_TEST

static int bare_body(void *arg)
{
    PROA_AUTO(proa_watch) *w = NULL;
    uint64_t seen = 1;

    (void)arg;
    ck_err(proa_watch_new(&w, SIZE_MAX, ""), PROA_EINVAL);
    ck_ok(proa_watch_new(&w, 0, NULL));
    ck_ok(proa_watch_set(w, NULL));
    ck_ok(proa_watch_wait(w, &seen, NULL));
    ck_assert_uint_eq(seen, 2);
    proa_watch_free(NULL);
    return 0;
}
START_TEST(a_value_may_be_nothing_but_its_number)
{
    t_run_modes(bare_body, NULL);
}
END_TEST

static int set_two(void *arg)
{
    int rc = proa_yield();

    for (int i = 2; i <= 3 && rc == 0; i++)
        rc = proa_watch_set(arg, &i);
    proa_watch_close(arg);
    return rc;
}
static int whole_body(void *arg)
{
    PROA_AUTO(proa_watch) *w = NULL;
    uint64_t seen = 0;
    int value = 1;
    int rc = proa_watch_new(&w, sizeof value, &value);

    (void)arg;
    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    rc = proa_create_task(&g, set_two, w);
    while (rc == 0)
        rc = proa_watch_wait(w, &seen, &value);
    return rc == PROA_ECLOSED ? proa_group_join(&g) : rc;
}
START_TEST(each_wait_may_be_cancelled_each_allocation_may_fail)
{
    t_each_park(whole_body, NULL);
    t_run_each_alloc(whole_body, NULL);
}
END_TEST

static int free_waited_body(void *arg)
{
    struct viewer v = {watch(1), 1, 0, 0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, view, &v));
    ck_ok(proa_sleep(1));
    proa_watch_free(v.w);
    return 0;
}
static int future_number_body(void *arg)
{
    uint64_t seen = 2;

    (void)arg;
    return proa_watch_wait(watch(1), &seen, NULL);
}
static int freed_body(void *arg)
{
    (void)arg;
    return proa_watch_set(NULL, NULL);
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(free_waited_body, NULL, "proa_watch_free: 1 tasks wait on watch 0x");
    t_run_aborts(future_number_body, NULL, "proa_watch_wait: value 2 of watch 0x");
    t_run_aborts(freed_body, NULL, "proa_watch_set: watch (nil) was freed, or never made");
}
END_TEST

int main(void)
{
    return t_main("watch", (const TTest *const[]){
                               who_is_slow_sees_the_last_value,
                               all_who_wait_get_the_value_that_is_set,
                               the_last_value_is_seen_after_the_end,
                               a_cancel_sees_nothing,
                               a_value_may_be_nothing_but_its_number,
                               each_wait_may_be_cancelled_each_allocation_may_fail,
                               misuse_stops_the_program,
                               NULL,
                           });
}
