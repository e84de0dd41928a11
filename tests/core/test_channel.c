#include "support/t_run.h"

#include <proa/channel.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

struct end {
    struct proa_channel *c;
    int value; /* sent, or received */
    int rc;
};

static int send_one(void *arg)
{
    struct end *e = arg;

    e->rc = proa_channel_send(e->c, &e->value);
    return 0;
}

static int receive_one(void *arg)
{
    struct end *e = arg;

    e->rc = proa_channel_receive(e->c, &e->value);
    return 0;
}

static struct proa_channel *channel(size_t capacity)
{
    struct proa_channel *c = NULL;

    ck_ok(proa_channel_new(&c, sizeof(int), PROA_CHANNEL_OPTS(.capacity = capacity)));
    return c;
}

/* The next value, which must be there. */
static int next_of(struct proa_channel *c)
{
    int value = -1;

    ck_ok(proa_channel_try_receive(c, &value));
    return value;
}

/* ---- rendezvous */

static int meet_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    struct end sender = {c, 7, 1};
    int value = 0;

    (void)arg;
    ck_err(proa_channel_try_send(c, &value), PROA_EAGAIN);
    ck_err(proa_channel_try_receive(c, &value), PROA_EAGAIN);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_one, &sender));
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(sender.rc, 1); /* nobody received: the send has not ended */
    ck_assert_uint_eq(proa_channel_len(c), 0);
    sender.value = 8; /* read when it is taken */
    ck_ok(proa_channel_receive(c, &value));
    ck_assert_int_eq(value, 8);
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(sender.rc, 0);

    struct end receiver = {c, 0, 1};
    ck_ok(proa_create_task(&g, receive_one, &receiver));
    ck_ok(proa_sleep(1));
    ck_ok(proa_channel_try_send(c, &value));
    ck_assert_int_eq(receiver.value, 8); /* handed over before the receiver runs */
    ck_err(proa_channel_try_send(c, &value), PROA_EAGAIN);
    return proa_group_join(&g);
}
START_TEST(sender_and_receiver_meet)
{
    t_run_modes(meet_body, NULL);
}
END_TEST

static int order_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(*(const size_t *)arg);
    struct end s[4];
    struct end r[4];

    {
        PROA_GROUP(g);
        for (int i = 0; i < 4; i++) {
            s[i] = (struct end){c, i, 1};
            ck_ok(proa_create_task(&g, send_one, &s[i]));
        }
        ck_ok(proa_sleep(1));
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(next_of(c), i);
        ck_ok(proa_group_join(&g));
    }
    PROA_GROUP(g);
    for (int i = 0; i < 4; i++) {
        r[i] = (struct end){c, -1, 1};
        ck_ok(proa_create_task(&g, receive_one, &r[i]));
    }
    ck_ok(proa_sleep(1));
    for (int i = 0; i < 4; i++)
        ck_ok(proa_channel_try_send(c, &i));
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(r[i].value, i);
    return 0;
}
START_TEST(waiters_are_served_in_the_order_they_came)
{
    for (size_t capacity = 0; capacity < 4; capacity++)
        t_run_in_order(order_body, &capacity);
}
END_TEST

/* ---- buffered */

static int limit_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(3);
    struct end late = {c, 103, 1};

    (void)arg;
    for (int i = 0; i < 10; i++) { /* round the ring */
        ck_ok(proa_channel_send(c, &i));
        ck_assert_int_eq(next_of(c), i);
    }
    for (int i = 100; i < 103; i++)
        ck_ok(proa_channel_send(c, &i));
    ck_assert_uint_eq(proa_channel_len(c), 3);
    ck_err(proa_channel_try_send(c, &late.value), PROA_EAGAIN);
    ck_err(PROA_WITHIN(1, proa_channel_send(c, &late.value)), PROA_ETIMEDOUT);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_one, &late));
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(next_of(c), 100);
    ck_assert_uint_eq(proa_channel_len(c), 3);
    ck_err(proa_channel_try_send(c, &late.value), PROA_EAGAIN); /* the room was the waiter's */
    ck_ok(proa_group_join(&g));
    for (int i = 101; i < 104; i++)
        ck_assert_int_eq(next_of(c), i);
    ck_err(PROA_WITHIN(1, proa_channel_receive(c, &late.value)), PROA_ETIMEDOUT);
    ck_assert_int_eq(late.value, 103);
    return 0;
}
START_TEST(capacity_many_values_wait_inside)
{
    t_run_modes(limit_body, NULL);
}
END_TEST

/* Values of any size, odd and none at all. */
static int sizes_body(void *arg)
{
    PROA_AUTO(proa_channel) *big = NULL;
    PROA_AUTO(proa_channel) *bare = NULL;
    char out[501];
    char in[501];

    (void)arg;
    ck_ok(proa_channel_new(&big, sizeof out, PROA_CHANNEL_OPTS(.capacity = 3)));
    for (char i = 0; i < 10; i++) {
        memset(out, i, sizeof out);
        memset(in, 100, sizeof in);
        ck_ok(proa_channel_send(big, out));
        ck_ok(proa_channel_receive(big, in));
        ck_assert_mem_eq(in, out, sizeof in);
    }
    ck_ok(proa_channel_new(&bare, 0, PROA_CHANNEL_OPTS(.capacity = 2)));
    ck_ok(proa_channel_send(bare, NULL));
    ck_ok(proa_channel_send(bare, NULL));
    ck_err(proa_channel_try_send(bare, NULL), PROA_EAGAIN);
    ck_ok(proa_channel_receive(bare, NULL));
    ck_ok(proa_channel_receive(bare, NULL));
    ck_err(proa_channel_try_receive(bare, NULL), PROA_EAGAIN);
    return 0;
}
static int bad_options_body(void *arg)
{
    struct proa_channel *c = NULL;

    (void)arg;
    ck_err(proa_channel_new(&c, 3, PROA_CHANNEL_OPTS(.capacity = SIZE_MAX / 2)), PROA_EINVAL);
    ck_err(proa_channel_new(&c, 1, PROA_CHANNEL_OPTS(.capacity = SIZE_MAX)), PROA_EINVAL);
    ck_err(proa_channel_new(&c, 1, PROA_CHANNEL_OPTS(.capacity = SIZE_MAX / 4)), PROA_ENOMEM);
    struct {
        struct proa_channel_opts o;
        char newer;
    } newer = {.o.size = sizeof newer, .newer = 1};
    ck_err(proa_channel_new(&c, 1, &newer.o), PROA_E2BIG);
    ck_assert_ptr_null(c);
    return 0;
}
START_TEST(values_have_any_size_that_can_be_counted)
{
    t_run_modes(sizes_body, NULL);
    t_run_modes(bad_options_body, NULL);
}
END_TEST

/* ---- the end */

static int close_buffered_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(2);
    struct end s = {c, 3, 1};
    int value = 1;

    (void)arg;
    ck_ok(proa_channel_send(c, &value));
    value = 2;
    ck_ok(proa_channel_send(c, &value));
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, send_one, &s));
    ck_ok(proa_sleep(1));
    ck_assert(!proa_channel_is_closed(c));
    proa_channel_close(c);
    proa_channel_close(c);
    ck_assert(proa_channel_is_closed(c));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.rc, PROA_ECLOSED);
    ck_err(proa_channel_send(c, &value), PROA_ECLOSED);
    ck_err(proa_channel_try_send(c, &value), PROA_ECLOSED);
    ck_ok(proa_channel_receive(c, &value));
    ck_assert_int_eq(value, 1);
    ck_ok(proa_channel_try_receive(c, &value));
    ck_assert_int_eq(value, 2); /* the third was not sent */
    ck_err(proa_channel_receive(c, &value), PROA_ECLOSED);
    ck_err(proa_channel_try_receive(c, &value), PROA_ECLOSED);
    ck_assert_int_eq(value, 2);
    return 0;
}
static int close_waiters_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    PROA_AUTO(proa_channel) *d = channel(0);
    struct end r[2] = {{c, 5, 1}, {c, 5, 1}};
    struct end s[2] = {{d, 1, 1}, {d, 2, 1}};
    int value;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++) {
        ck_ok(proa_create_task(&g, receive_one, &r[i]));
        ck_ok(proa_create_task(&g, send_one, &s[i]));
    }
    ck_ok(proa_sleep(1));
    proa_channel_close(c);
    proa_channel_close(d);
    ck_err(proa_channel_try_receive(d, &value), PROA_ECLOSED); /* a woken sender sends no more */
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(r[i].rc, PROA_ECLOSED);
        ck_assert_int_eq(r[i].value, 5);
        ck_assert_int_eq(s[i].rc, PROA_ECLOSED);
    }
    return 0;
}
START_TEST(either_side_declares_the_end)
{
    t_run_modes(close_buffered_body, NULL);
    t_run_modes(close_waiters_body, NULL);
}
END_TEST

/* The last of several sends the end, whichever that is; the same on the other side. */
static int send_and_drop(void *arg)
{
    int rc = proa_channel_send(arg, &(int){1});

    proa_channel_drop_sender(arg);
    return rc;
}
static int counted_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(1);
    PROA_AUTO(proa_channel) *d = channel(1);
    int value;
    int n = 0;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_channel_add_senders(c, 2));
    ck_ok(proa_channel_add_senders(c, 1));
    ck_err(proa_channel_add_senders(c, SIZE_MAX - 2), PROA_EINVAL);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, send_and_drop, c));
    while (proa_channel_receive(c, &value) == 0)
        n++;
    ck_assert_int_eq(n, 3);
    ck_err(proa_channel_add_senders(c, 1), PROA_ECLOSED);

    ck_ok(proa_channel_add_receivers(d, 2));
    proa_channel_drop_receiver(d);
    ck_ok(proa_channel_send(d, &value));
    proa_channel_drop_receiver(d);
    ck_err(proa_channel_send(d, &value), PROA_ECLOSED);
    ck_err(proa_channel_add_receivers(d, 1), PROA_ECLOSED);
    ck_ok(proa_channel_receive(d, &value)); /* what is inside stays there */
    return proa_group_join(&g);
}
static int no_sender_body(void *arg)
{
    (void)arg;
    proa_channel_drop_sender(channel(0));
    return 0;
}
static int no_receiver_body(void *arg)
{
    struct proa_channel *c = channel(0);

    (void)arg;
    ck_ok(proa_channel_add_senders(c, 1)); /* of the other side */
    proa_channel_drop_receiver(c);
    return 0;
}
START_TEST(the_last_that_was_counted_declares_the_end)
{
    t_run_modes(counted_body, NULL);
    t_run_aborts(no_sender_body, NULL, " has no sender left (task main; ");
    t_run_aborts(no_receiver_body, NULL, " has no receiver left (task main; ");
}
END_TEST

static char finished[32]; /* the values given to value_fini */

static void finish(void *value)
{
    char text[2] = {*(const char *)value, '\0'};

    strcat(finished, text);
}
static int fini_body(void *arg)
{
    struct proa_channel *c = NULL;
    char value;

    (void)arg;
    finished[0] = '\0';
    ck_ok(proa_channel_new(&c, 1, PROA_CHANNEL_OPTS(.capacity = 3, .value_fini = finish)));
    ck_ok(proa_channel_send(c, "a"));
    ck_ok(proa_channel_receive(c, &value));
    ck_ok(proa_channel_send(c, "b"));
    ck_ok(proa_channel_send(c, "c"));
    ck_ok(proa_channel_send(c, "d"));
    proa_channel_close(c);
    ck_assert_str_eq(finished, "");
    proa_channel_free(c);
    ck_assert_str_eq(finished, "bcd");
    proa_channel_free(NULL);
    return 0;
}
START_TEST(values_nobody_received_are_finished)
{
    t_run_modes(fini_body, NULL);
}
END_TEST

/* ---- cancels */

/* A cancel that comes first takes nothing; one that comes after the hand-over undoes nothing. */
static int cancel_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    struct end r[2] = {{c, -1, 1}, {c, -1, 1}};
    struct end s = {c, 9, 1};
    struct proa_task_ref refs[2];
    struct proa_task_ref sender;
    int value = 4;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task_opts(&g, &refs[i], receive_one, &r[i], NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(refs[0]));
    ck_ok(proa_channel_try_send(c, &value));
    ck_ok(proa_task_cancel(refs[1]));
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(r[0].rc, PROA_ECANCELED);
    ck_assert_int_eq(r[0].value, -1);
    ck_assert_int_eq(r[1].rc, 0);
    ck_assert_int_eq(r[1].value, 4);

    ck_ok(proa_create_task_opts(&g, &sender, send_one, &s, NULL));
    ck_ok(proa_sleep(1));
    ck_ok(proa_task_cancel(sender));
    ck_err(proa_channel_try_receive(c, &value), PROA_EAGAIN);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.rc, PROA_ECANCELED);
    return 0;
}
START_TEST(a_cancel_loses_nothing)
{
    t_run_in_order(cancel_body, NULL);
}
END_TEST

/* One sends without end, the other one still has its turn. */
static int run_on(void *arg)
{
    struct end *e = arg;

    for (e->rc = 0; e->rc == 0; e->value++)
        if ((e->rc = proa_channel_send(e->c, &e->value)) == 0)
            e->rc = proa_channel_receive(e->c, &(int){0});
    return 0;
}
static int budget_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(1);
    struct end e = {c, 0, 0};

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, run_on, &e));
    ck_ok(proa_yield());
    ck_ok(proa_yield());
    ck_assert_int_gt(e.value, 10);
    proa_channel_close(c);
    return proa_group_join(&g);
}
START_TEST(what_is_always_ready_gives_way)
{
    t_run_in_order(budget_body, NULL);
}
END_TEST

/* ---- failures and misuse */

static int send_three(void *arg)
{
    int rc = 0;

    for (int i = 0; i < 3 && rc == 0; i++)
        rc = proa_channel_send(arg, &i);
    proa_channel_close(arg);
    return rc;
}
static int pass_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = NULL;
    int rc = proa_channel_new(&c, sizeof(int), PROA_CHANNEL_OPTS(.capacity = *(const size_t *)arg));
    int value;
    int next = 0;

    if (rc < 0)
        return rc;
    PROA_GROUP(g);
    rc = proa_create_task(&g, send_three, c);
    while (rc == 0 && (rc = proa_channel_receive(c, &value)) == 0)
        ck_assert_int_eq(value, next++);
    return rc == PROA_ECLOSED ? proa_group_join(&g) : rc;
}
START_TEST(each_wait_may_be_cancelled_each_allocation_may_fail)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        t_each_park(pass_body, &capacity);
        t_run_each_alloc(pass_body, &capacity);
    }
}
END_TEST

static int free_waited_body(void *arg)
{
    struct end e = {channel(0), 0, 0};

    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, arg ? send_one : receive_one, &e));
    ck_ok(proa_sleep(1));
    proa_channel_free(e.c);
    return 0;
}
static int use_freed_body(void *arg)
{
    struct proa_channel *c = channel(0);

    (void)arg;
    proa_channel_close(c);
    proa_channel_send(NULL, NULL);
    return 0;
}
static struct proa_channel *leaked;
static int leak_body(void *arg)
{
    (void)arg;
    leaked = channel(1);
    return 0;
}
static void use_outside(void *arg)
{
    (void)arg;
    if (proa_run(leak_body, NULL, NULL) == 0)
        proa_channel_try_send(leaked, &(int){1});
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(free_waited_body, NULL, "proa_channel_free: 1 tasks wait on channel 0x");
    t_run_aborts(free_waited_body, &(int){1}, "proa_channel_free: 1 tasks wait on channel 0x");
    t_run_aborts(use_freed_body, NULL, "proa_channel_send: channel (nil) was freed, or never made");
    t_aborts(use_outside, NULL, "proa_channel_try_send");
}
END_TEST

int main(void)
{
    return t_main("channel", (const TTest *const[]){
                                 sender_and_receiver_meet,
                                 waiters_are_served_in_the_order_they_came,
                                 capacity_many_values_wait_inside,
                                 values_have_any_size_that_can_be_counted,
                                 either_side_declares_the_end,
                                 the_last_that_was_counted_declares_the_end,
                                 values_nobody_received_are_finished,
                                 a_cancel_loses_nothing,
                                 what_is_always_ready_gives_way,
                                 each_wait_may_be_cancelled_each_allocation_may_fail,
                                 misuse_stops_the_program,
                                 NULL,
                             });
}
