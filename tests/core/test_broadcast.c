#include "support/t_run.h"

#include <proa/broadcast.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

struct listener {
    struct proa_broadcast *b;
    uint64_t next;
    int value;
    int rc;
};

static int hear(void *arg)
{
    struct listener *l = arg;

    l->rc = proa_broadcast_receive(l->b, &l->next, &l->value);
    return 0;
}

static struct proa_broadcast *broadcast(size_t capacity)
{
    struct proa_broadcast *b = NULL;

    ck_ok(proa_broadcast_new(&b, sizeof(int), capacity));
    return b;
}

static void send_up(struct proa_broadcast *b, int from, int to)
{
    for (int i = from; i <= to; i++)
        ck_ok(proa_broadcast_send(b, &i));
}

static int all_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = broadcast(4);
    uint64_t early = proa_broadcast_subscribe(b);
    int value = -1;

    (void)arg;
    ck_assert_uint_eq(early, 0);
    ck_err(proa_broadcast_try_receive(b, &early, &value), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_broadcast_receive(b, &early, &value)), PROA_ETIMEDOUT);
    ck_assert_int_eq(value, -1);
    send_up(b, 0, 1);
    uint64_t late = proa_broadcast_subscribe(b);
    send_up(b, 2, 3);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(proa_broadcast_receive(b, &early, &value), 0);
        ck_assert_int_eq(value, i);
    }
    for (int i = 2; i < 4; i++) {
        ck_assert_int_eq(proa_broadcast_try_receive(b, &late, &value), 0);
        ck_assert_int_eq(value, i);
    }
    ck_err(proa_broadcast_try_receive(b, &late, NULL), PROA_EAGAIN);
    return 0;
}
START_TEST(every_receiver_gets_every_value_from_its_subscription_on)
{
    t_run_modes(all_body, NULL);
}
END_TEST

/* At the capacity nothing is lost, at one more one is. */
static int lag_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = broadcast(3);
    uint64_t next = 0;
    int value;

    (void)arg;
    send_up(b, 0, 2);
    ck_assert_int_eq(proa_broadcast_receive(b, &next, &value), 0);
    ck_assert_int_eq(value, 0);
    send_up(b, 3, 4);
    ck_assert_int_eq(proa_broadcast_receive(b, &next, &value), 1);
    ck_assert_int_eq(value, 2);
    ck_assert_int_eq(proa_broadcast_receive(b, &next, NULL), 0);
    ck_assert_uint_eq(next, 4);
    send_up(b, 5, 104);
    ck_assert_int_eq(proa_broadcast_receive(b, &next, &value), 98);
    ck_assert_int_eq(value, 102);
    next = 0;
    ck_assert_int_eq(proa_broadcast_receive(b, &next, &value), 102);
    ck_assert_int_eq(value, 102);
    return 0;
}
START_TEST(a_receiver_that_lags_is_told_how_much_it_lost)
{
    t_run_modes(lag_body, NULL);
}
END_TEST

static int wait_body(void *arg)
{
    struct proa_broadcast *b = broadcast(1);
    struct listener l[3];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++) {
        l[i] = (struct listener){b, 0, -1, -1};
        ck_ok(proa_create_task(&g, hear, &l[i]));
    }
    ck_ok(proa_sleep(1));
    send_up(b, 0, 5);
    proa_broadcast_close(b);
    proa_broadcast_free(b); /* all was handed over */
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(l[i].rc, 0); /* nothing lost, although only one is kept */
        ck_assert_int_eq(l[i].value, 0);
        ck_assert_uint_eq(l[i].next, 1);
    }
    return 0;
}
START_TEST(who_waits_loses_nothing)
{
    t_run_modes(wait_body, NULL);
}
END_TEST

static int close_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = broadcast(2);
    struct listener waiting = {b, 2, -1, 1};
    uint64_t next = 0;
    int value;

    (void)arg;
    send_up(b, 0, 1);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, hear, &waiting));
    ck_ok(proa_sleep(1));
    proa_broadcast_close(b);
    proa_broadcast_close(b);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(waiting.rc, PROA_ECLOSED);
    ck_assert_int_eq(waiting.value, -1);
    ck_err(proa_broadcast_send(b, &value), PROA_ECLOSED);
    ck_ok(proa_broadcast_receive(b, &next, &value));
    ck_ok(proa_broadcast_try_receive(b, &next, &value));
    ck_assert_int_eq(value, 1);
    ck_err(proa_broadcast_receive(b, &next, &value), PROA_ECLOSED);
    ck_err(proa_broadcast_try_receive(b, &next, &value), PROA_ECLOSED);
    return 0;
}
START_TEST(what_is_kept_is_received_after_the_end)
{
    t_run_modes(close_body, NULL);
}
END_TEST

static int cancel_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = broadcast(1);
    struct listener l[2] = {{b, 0, -1, 1}, {b, 0, -1, 1}};
    struct proa_task_ref refs[2];

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task_opts(&g, &refs[i], hear, &l[i], NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(refs[0]));
    send_up(b, 7, 7);
    ck_ok(proa_task_cancel(refs[1]));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(l[0].rc, PROA_ECANCELED);
    ck_assert_uint_eq(l[0].next, 0);
    ck_assert_int_eq(l[1].rc, 0);
    ck_assert_int_eq(l[1].value, 7);
    return 0;
}
START_TEST(a_cancel_receives_nothing)
{
    t_run_modes(cancel_body, NULL);
}
END_TEST

static int bounds_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = NULL;
    uint64_t next = 0;

    (void)arg;
    ck_err(proa_broadcast_new(&b, 1, 0), PROA_EINVAL);
    ck_err(proa_broadcast_new(&b, 2, SIZE_MAX), PROA_EINVAL);
    ck_err(proa_broadcast_new(&b, 1, SIZE_MAX), PROA_EINVAL);
    ck_ok(proa_broadcast_new(&b, 0, 1));
    ck_ok(proa_broadcast_send(b, NULL));
    ck_ok(proa_broadcast_send(b, NULL));
    ck_assert_int_eq(proa_broadcast_receive(b, &next, NULL), 1);
    proa_broadcast_free(NULL);
    return 0;
}
START_TEST(a_broadcast_keeps_one_value_at_least)
{
    t_run_modes(bounds_body, NULL);
}
END_TEST

static int send_four(void *arg)
{
    int rc = 0;

    for (int i = 0; i < 4 && rc == 0; i++) {
        rc = proa_broadcast_send(arg, &i);
        if (rc == 0)
            rc = proa_yield();
    }
    proa_broadcast_close(arg);
    return rc;
}
static int whole_body(void *arg)
{
    PROA_AUTO(proa_broadcast) *b = NULL;
    uint64_t next = 0;
    int value;
    int rc = proa_broadcast_new(&b, sizeof value, 2);

    (void)arg;
    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    rc = proa_create_task(&g, send_four, b);
    while (rc == 0) {
        rc = proa_broadcast_receive(b, &next, &value);
        ck_assert(rc < 0 || (uint64_t)value + 1 == next);
    }
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
    struct listener l = {broadcast(1), 0, 0, 0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, hear, &l));
    ck_ok(proa_sleep(1));
    proa_broadcast_free(l.b);
    return 0;
}
static int foreign_number_body(void *arg)
{
    uint64_t next = 1;

    (void)arg;
    return proa_broadcast_receive(broadcast(1), &next, NULL);
}
static int freed_body(void *arg)
{
    (void)arg;
    return proa_broadcast_send(NULL, NULL);
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(free_waited_body, NULL, "proa_broadcast_free: 1 tasks wait on broadcast 0x");
    t_run_aborts(foreign_number_body, NULL, " has sent no value 1 yet (task main; ");
    t_run_aborts(freed_body, NULL, "proa_broadcast_send: broadcast (nil) was freed, or never made");
}
END_TEST

int main(void)
{
    return t_main("broadcast", (const TTest *const[]){
                                   every_receiver_gets_every_value_from_its_subscription_on,
                                   a_receiver_that_lags_is_told_how_much_it_lost,
                                   who_waits_loses_nothing,
                                   what_is_kept_is_received_after_the_end,
                                   a_cancel_receives_nothing,
                                   a_broadcast_keeps_one_value_at_least,
                                   each_wait_may_be_cancelled_each_allocation_may_fail,
                                   misuse_stops_the_program,
                                   NULL,
                               });
}
