#include "support/t_run.h"

#include <proa/fd.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/select.h>
#include <proa/time.h>

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Of select itself: which case happens, and what of the others. test_case.c has each kind. */

static struct proa_channel *channel(size_t capacity)
{
    struct proa_channel *c = NULL;

    ck_ok(proa_channel_new(&c, sizeof(int), PROA_CHANNEL_OPTS(.capacity = capacity)));
    return c;
}

static void put(struct proa_channel *c, int value)
{
    ck_ok(proa_channel_try_send(c, &value));
}

/* A task that selects between receiving from one and sending to another. */
struct both {
    struct proa_channel *from;
    struct proa_channel *to;
    int got;
    int sent;
    int won;
    int rc; /* of the case that won */
};

static int select_both(void *arg)
{
    struct both *b = arg;
    struct proa_case c[] = {
        proa_case_receive(b->from, &b->got),
        proa_case_send(b->to, &b->sent),
    };

    b->won = PROA_SELECT(c);
    if (b->won >= 0)
        b->rc = c[b->won].rc;
    return 0;
}

#define BOTH(from, to, sent)                                                                       \
    {                                                                                              \
        from, to, -1, sent, -1, -1                                                                 \
    }

/* ---- one happens */

static int one_of_ready_body(void *arg)
{
    PROA_AUTO(proa_channel) *a = channel(1);
    PROA_AUTO(proa_channel) *b = channel(1);
    int got[2] = {-1, -1};

    (void)arg;
    for (int i = 0; i < 40; i++) {
        put(a, 1);
        put(b, 2);
        struct proa_case c[] = {proa_case_receive(a, &got[0]), proa_case_receive(b, &got[1])};
        got[0] = got[1] = -1;
        int won = PROA_SELECT(c);
        ck_assert_int_eq(c[won].rc, 0);
        ck_assert_int_eq(got[won], won + 1);
        ck_assert_int_eq(got[!won], -1);
        ck_assert_uint_eq(proa_channel_len(won ? a : b), 1); /* the other one is untouched */
        ck_assert_uint_eq(proa_channel_len(won ? b : a), 0);
        ck_assert_int_eq(PROA_SELECT(c), !won); /* and happens next */
        ck_assert_int_eq(got[!won], 2 - won);
    }
    return 0;
}
static int one_of_woken_body(void *arg)
{
    PROA_AUTO(proa_channel) *a = channel(0);
    PROA_AUTO(proa_channel) *b = channel(0);
    struct both s = BOTH(a, b, 5);
    int value = 3;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, select_both, &s));
    ck_ok(proa_sleep(1));
    uint64_t allocations = t_alloc_count();
    put(a, 3);
    ck_err(proa_channel_try_send(a, &value), PROA_EAGAIN);    /* it has left both */
    ck_err(proa_channel_try_receive(b, &value), PROA_EAGAIN); /* before it runs */
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.won, 0);
    ck_assert_int_eq(s.rc, 0);
    ck_assert_int_eq(s.got, 3);
    ck_assert_uint_eq(t_alloc_count(), allocations);
    return 0;
}
START_TEST(exactly_one_case_happens_and_the_others_are_untouched)
{
    t_run_modes(one_of_ready_body, NULL);
    t_run_modes(one_of_woken_body, NULL);
}
END_TEST

static void count_wins(const struct proa_select_opts *opts, int wins[3])
{
    struct proa_channel *c[3] = {channel(1), channel(1), channel(1)};

    memset(wins, 0, 3 * sizeof wins[0]);
    for (int i = 0; i < 3; i++)
        put(c[i], i);
    for (int i = 0; i < 300; i++) {
        int value;
        struct proa_case cases[4] = {proa_case_never()};
        for (int k = 0; k < 3; k++)
            cases[k + 1] = proa_case_receive(c[k], &value);
        int won = proa_select(cases, 4, opts);
        ck_assert_int_eq(value, won - 1);
        wins[won - 1]++;
        put(c[won - 1], won - 1);
    }
    for (int i = 0; i < 3; i++)
        proa_channel_free(c[i]);
}
static int fair_body(void *arg)
{
    int wins[3];

    (void)arg;
    count_wins(NULL, wins);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(wins[i] > 60 && wins[i] < 140, "case %d won %d of 300", i, wins[i]);
    count_wins(PROA_SELECT_OPTS(.priority = true), wins);
    ck_assert_int_eq(wins[0], 300);
    return 0;
}
START_TEST(of_several_ready_ones_each_has_its_chance_or_the_first_wins)
{
    t_run_modes(fair_body, NULL);
}
END_TEST

/* ---- meeting */

static int not_itself_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    struct both s = BOTH(c, c, 5);
    int value;

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, select_both, &s));
    ck_ok(proa_sleep(1));
    ck_assert_int_eq(s.won, -1); /* it waits: there is nobody else */
    if (*(const bool *)arg) {
        put(c, 8);
        ck_err(proa_channel_try_receive(c, &value), PROA_EAGAIN);
    } else {
        ck_ok(proa_channel_try_receive(c, &value));
        ck_assert_int_eq(value, 5);
        ck_err(proa_channel_try_send(c, &value), PROA_EAGAIN);
    }
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.rc, 0);
    ck_assert_int_eq(s.won, *(const bool *)arg ? 0 : 1);
    ck_assert_int_eq(s.got, *(const bool *)arg ? 8 : -1);
    return 0;
}
START_TEST(a_select_that_sends_and_receives_does_not_meet_itself)
{
    t_run_modes(not_itself_body, &(bool){true});
    t_run_modes(not_itself_body, &(bool){false});
}
END_TEST

static int two_meet_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    struct both s[2] = {BOTH(c, c, 1), BOTH(c, c, 2)};

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task(&g, select_both, &s[i]));
    ck_ok(proa_group_join(&g));
    int receiver = s[0].won == 0 ? 0 : 1;
    ck_assert_int_eq(s[receiver].won, 0);
    ck_assert_int_eq(s[!receiver].won, 1);
    ck_assert_int_eq(s[receiver].got, s[!receiver].sent);
    ck_assert_int_eq(s[!receiver].got, -1);
    ck_assert_int_eq(s[0].rc + s[1].rc, 0);
    return 0;
}
START_TEST(two_selects_meet_on_one_channel)
{
    t_run_modes(two_meet_body, NULL);
}
END_TEST

/* Of the three in a ring two meet, whichever, and the third goes on waiting. */
static int ring_body(void *arg)
{
    PROA_AUTO(proa_channel) *a = channel(0);
    PROA_AUTO(proa_channel) *b = channel(0);
    PROA_AUTO(proa_channel) *c = channel(0);
    struct both s[3] = {BOTH(a, b, 1), BOTH(b, c, 2), BOTH(c, a, 3)};
    int waiting = 0;

    (void)arg;
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task(&g, select_both, &s[i]));
    ck_ok(proa_sleep(1));
    for (int i = 0; i < 3; i++)
        waiting += s[i].won == -1;
    ck_assert_int_eq(waiting, 1);
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
START_TEST(of_three_selects_in_a_ring_two_meet)
{
    t_run_modes(ring_body, NULL);
}
END_TEST

static int twice_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    int got[2] = {-1, -1};
    int value = 1;

    (void)arg;
    struct proa_case cases[] = {proa_case_receive(c, &got[0]), proa_case_receive(c, &got[1])};
    struct both sender = BOTH(channel(0), c, 4);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, select_both, &sender));
    int won = PROA_SELECT(cases);
    ck_assert_int_eq(got[won], 4);
    ck_assert_int_eq(got[!won], -1);
    ck_err(proa_channel_try_send(c, &value), PROA_EAGAIN); /* no place was left behind */
    ck_ok(proa_group_join(&g));
    proa_channel_free(sender.from);
    return 0;
}
START_TEST(one_channel_in_two_cases_gives_one_value)
{
    t_run_modes(twice_body, NULL);
}
END_TEST

/* ---- the end */

static int closed_body(void *arg)
{
    PROA_AUTO(proa_channel) *open = channel(0);
    PROA_AUTO(proa_channel) *closed = channel(0);
    struct both s[2] = {BOTH(open, closed, 1), BOTH(closed, open, 1)};

    (void)arg;
    if (!*(const bool *)arg) /* at once */
        proa_channel_close(closed);
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, select_both, &s[0]));
    ck_ok(proa_sleep(1));
    if (*(const bool *)arg)
        proa_channel_close(closed);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s[0].won, 1);
    ck_assert_int_eq(s[0].rc, PROA_ECLOSED);
    select_both(&s[1]);
    ck_assert_int_eq(s[1].won, 0);
    ck_assert_int_eq(s[1].rc, PROA_ECLOSED);
    ck_assert_int_eq(s[1].got, -1);
    return 0;
}
static int close_both_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    struct both s = BOTH(c, c, 1);

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, select_both, &s));
    ck_ok(proa_sleep(1));
    proa_channel_close(c);
    proa_channel_free(c); /* nobody waits any more */
    c = NULL;
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.rc, PROA_ECLOSED);
    return 0;
}
START_TEST(a_closed_channel_is_an_outcome)
{
    t_run_modes(closed_body, &(bool){true});
    t_run_modes(closed_body, &(bool){false});
    t_run_modes(close_both_body, NULL);
}
END_TEST

/* ---- cancels */

/* The winner is decided, then the cancel comes; or the other way round. */
static int cancel_after_body(void *arg)
{
    PROA_AUTO(proa_channel) *a = channel(0);
    PROA_AUTO(proa_channel) *b = channel(0);
    struct both s = BOTH(a, b, 1);
    struct proa_task_ref ref;
    bool cancel_first = *(const bool *)arg;
    int value = 6;

    PROA_GROUP(g);
    ck_ok(proa_create_task_opts(&g, &ref, select_both, &s, NULL));
    ck_ok(proa_sleep(1));
    if (cancel_first)
        ck_ok(proa_task_cancel(ref));
    ck_assert_int_eq(proa_channel_try_send(a, &value), cancel_first ? PROA_EAGAIN : 0);
    ck_ok(proa_task_cancel(ref));
    ck_err(proa_channel_try_receive(b, &value), PROA_EAGAIN);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(s.won, cancel_first ? PROA_ECANCELED : 0);
    ck_assert_int_eq(s.got, cancel_first ? -1 : 6);
    return 0;
}
static int cancelled_before_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(1);
    int value = 0;

    (void)arg;
    put(c, 1);
    PROA_SCOPE(s);
    proa_scope_cancel(&s);
    struct proa_case cases[] = {proa_case_receive(c, &value)};
    ck_err(PROA_SELECT(cases), PROA_ECANCELED);
    ck_assert_int_eq(value, 0);
    ck_assert_int_eq(proa_try_select(cases, 1, NULL), 0); /* this one does not wait */
    ck_assert_int_eq(value, 1);
    return 0;
}
START_TEST(a_cancel_in_the_turn_of_the_winner_undoes_nothing)
{
    t_run_modes(cancel_after_body, &(bool){true});
    t_run_modes(cancel_after_body, &(bool){false});
    t_run_modes(cancelled_before_body, NULL);
}
END_TEST

static int deadline_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    int value = 0;
    struct proa_case cases[] = {proa_case_receive(c, &value), proa_case_timer(3 * PROA_SEC)};

    (void)arg;
    ck_err(PROA_WITHIN(2 * PROA_SEC, PROA_SELECT(cases)), PROA_ETIMEDOUT);
    ck_assert_int_eq(PROA_WITHIN(2 * PROA_SEC, PROA_SELECT(cases)), 1); /* its deadline is kept */
    return 0;
}
START_TEST(a_select_under_a_timeout_may_be_repeated)
{
    t_run_modes(deadline_body, NULL);
}
END_TEST

/* ---- without waiting */

static int try_body(void *arg)
{
    PROA_AUTO(proa_channel) *a = channel(1);
    PROA_AUTO(proa_channel) *b = channel(0);
    int got = -1;
    int value = 1;
    struct proa_case c[] = {proa_case_receive(a, &got), proa_case_send(b, &value)};

    (void)arg;
    ck_err(proa_try_select(c, 2, NULL), PROA_EAGAIN);
    ck_err(proa_channel_try_receive(b, &value), PROA_EAGAIN); /* it left nothing behind */
    put(a, 4);
    ck_assert_int_eq(proa_try_select(c, 2, NULL), 0);
    ck_assert_int_eq(got, 4);
    return 0;
}
static void try_in_callback(void *arg)
{
    struct proa_channel *c = arg;
    int value = 3;
    struct proa_case cases[] = {proa_case_send(c, &value), proa_case_never()};

    ck_assert_int_eq(proa_try_select(cases, 2, NULL), 0);
}
static int callback_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(0);
    int value = 0;

    (void)arg;
    ck_ok(proa_call_soon_threadsafe(proa_loop_current(), try_in_callback, c));
    ck_ok(proa_channel_receive(c, &value));
    ck_assert_int_eq(value, 3);
    return 0;
}
START_TEST(try_select_never_waits)
{
    t_run_modes(try_body, NULL);
    t_run_modes(callback_body, NULL);
}
END_TEST

/* ---- bounds */

static int bounds_body(void *arg)
{
    PROA_AUTO(proa_channel) *c = channel(1);
    static struct proa_case cases[PROA_SELECT_MAX + 1];
    int value = 0;

    (void)arg;
    for (int i = 0; i <= PROA_SELECT_MAX; i++)
        cases[i] = proa_case_never();
    cases[PROA_SELECT_MAX - 1] = proa_case_receive(c, &value);
    put(c, 1);
    ck_err(proa_select(cases, 0, NULL), PROA_EINVAL);
    ck_err(proa_select(cases, PROA_SELECT_MAX + 1, NULL), PROA_EINVAL);
    ck_err(proa_try_select(cases, PROA_SELECT_MAX + 1, NULL), PROA_EINVAL);
    ck_assert_int_eq(value, 0);
    ck_assert_int_eq(proa_select(cases, PROA_SELECT_MAX, NULL), PROA_SELECT_MAX - 1);
    cases[0] = proa_case_timer(1);
    ck_assert_int_eq(proa_select(cases, PROA_SELECT_MAX, NULL), 0); /* having slept on them all */
    ck_assert_int_eq(proa_select(cases, 1, NULL), 0);
    struct {
        struct proa_select_opts o;
        char newer;
    } newer = {.o.size = sizeof newer, .newer = 1};
    ck_err(proa_select(cases, 1, &newer.o), PROA_E2BIG);
    return 0;
}
START_TEST(one_to_thirty_two_cases)
{
    t_run(bounds_body, NULL);
}
END_TEST

/* ---- failures and misuse */

/* Two tasks exchange values, each both ways, until both have had three. */
static int exchange(void *arg)
{
    struct both *b = arg;
    int left[2] = {3, 3};
    int rc = 0;

    while (rc >= 0 && left[0] + left[1]) {
        struct proa_case c[] = {
            left[0] ? proa_case_receive(b->from, &b->got) : proa_case_never(),
            left[1] ? proa_case_send(b->to, &b->sent) : proa_case_never(),
            proa_case_timer(PROA_SEC),
        };
        rc = PROA_SELECT(c);
        if (rc == 2)
            return PROA_EIO;
        if (rc >= 0 && c[rc].rc < 0)
            return c[rc].rc;
        if (rc >= 0)
            left[rc]--;
    }
    return rc < 0 ? rc : 0;
}
static int whole_body(void *arg)
{
    PROA_AUTO(proa_channel) *a = NULL;
    PROA_AUTO(proa_channel) *b = NULL;
    int rc = proa_channel_new(&a, sizeof(int), NULL);

    (void)arg;
    if (rc == 0)
        rc = proa_channel_new(&b, sizeof(int), PROA_CHANNEL_OPTS(.capacity = 1));
    if (rc < 0)
        return rc;
    struct both s[2] = {BOTH(a, b, 1), BOTH(b, a, 2)};
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        proa_create_task(&g, exchange, &s[i]);
    rc = proa_group_join(&g);
    return rc == PROA_EIO ? 0 : rc; /* the other one was cancelled */
}
START_TEST(each_wait_may_be_cancelled_each_allocation_may_fail)
{
    t_run_modes(whole_body, NULL);
    t_each_park(whole_body, NULL);
    t_run_each_alloc(whole_body, NULL);
}
END_TEST

static int free_waited_body(void *arg)
{
    struct both s = BOTH(channel(0), channel(0), 1);

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, select_both, &s));
    ck_ok(proa_sleep(1));
    proa_channel_free(s.to);
    return 0;
}
static void select_outside(void *arg)
{
    struct proa_case c[] = {proa_case_never()};

    (void)arg;
    PROA_SELECT(c);
}
static void try_outside(void *arg)
{
    struct proa_case c[] = {proa_case_never()};

    (void)arg;
    proa_try_select(c, 1, NULL);
}
START_TEST(misuse_stops_the_program)
{
    t_run_aborts(free_waited_body, NULL, "tasks wait on channel 0x");
    t_aborts(select_outside, NULL, "proa_select: no task runs here");
    t_aborts(try_outside, NULL, "proa_try_select");
}
END_TEST

int main(void)
{
    return t_main("select", (const TTest *const[]){
                                exactly_one_case_happens_and_the_others_are_untouched,
                                of_several_ready_ones_each_has_its_chance_or_the_first_wins,
                                a_select_that_sends_and_receives_does_not_meet_itself,
                                two_selects_meet_on_one_channel,
                                of_three_selects_in_a_ring_two_meet,
                                one_channel_in_two_cases_gives_one_value,
                                a_closed_channel_is_an_outcome,
                                a_cancel_in_the_turn_of_the_winner_undoes_nothing,
                                a_select_under_a_timeout_may_be_repeated,
                                try_select_never_waits,
                                one_to_thirty_two_cases,
                                each_wait_may_be_cancelled_each_allocation_may_fail,
                                misuse_stops_the_program,
                                NULL,
                            });
}
