#include "net/connect.h"
#include "net/names.h"
#include "net/pair.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/inspect.h>
#include <proa/listener.h>
#include <proa/resolve.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/tcp.h>
#include <proa/time.h>
#include <proa/unix.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A network that is a script: the connector answers as it says, over memory pairs, and nothing real
 * is watched, so that all times are the virtual clock's.
 */
struct act {
    const char *ip;
    int64_t after; /* PROA_FOREVER: a black hole */
    int rc;        /* 0: connected */
};

static struct {
    const struct act *acts; /* in the order in which the name has them; ended by ip NULL */
    int64_t began;
    int tries;
    char order[200]; /* "ip@ms ..." as they were tried */
    int cut;         /* tries that were cancelled */
    bool late;       /* one that is cancelled answers all the same */
    struct proa_stream *far[8];
} net;

static int look_up(void *arg, struct proa_addrs *ret, const char *host)
{
    struct proa_addr addr;
    int rc = 0;

    (void)arg;
    (void)host;
    for (const struct act *a = net.acts; a->ip && rc == 0; a++) {
        ck_ok(proa_addr_ip(&addr, a->ip, 0));
        rc = proa_addrs_add(ret, &addr);
    }
    return rc;
}

static const struct act *act_of(const char *ip)
{
    const struct act *a = net.acts;

    while (strcmp(a->ip, ip) != 0)
        a++;
    return a;
}

static int follow(void *arg, struct proa_stream **ret, const struct proa_addr *addr)
{
    char ip[PROA_ADDR_TEXT];
    const struct act *act = act_of(proa_addr_format_ip(addr, ip));
    size_t used = strlen(net.order);
    int i = net.tries++;
    int rc;

    ck_assert_ptr_eq(arg, &net);
    ck_assert_int_eq(proa_addr_port(addr), 80);
    snprintf(net.order + used, sizeof net.order - used, "%s%s@%d", used ? " " : "", ip,
             (int)((proa_now() - net.began) / PROA_MS));
    rc = act->after ? proa_sleep(act->after) : 0;
    if (rc < 0) {
        net.cut++;
        if (!net.late)
            return rc;
    }
    return act->rc < 0 ? act->rc : proa__pair_new(ret, &net.far[i], NULL);
}

static void forget_far_ends(void)
{
    for (size_t i = 0; i < 8; i++) {
        proa_stream_free(net.far[i]);
        net.far[i] = NULL;
    }
}

/* Connect as the script has it. */
static int connect_by(const struct act *acts, struct proa_stream **ret,
                      struct proa_connect_error *errors, size_t max, size_t *n)
{
    PROA_AUTO(proa_resolver) *resolver = NULL;
    bool late = net.late;
    int rc = proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up));

    if (rc < 0)
        return rc;
    memset(&net, 0, sizeof net);
    net.late = late;
    net.acts = acts;
    net.began = proa_now();
    return proa_tcp_connect(ret, "name.test", 80,
                            PROA_TCP_OPTS(.resolver = resolver, .connector = follow,
                                          .connector_arg = &net, .errors = errors,
                                          .max_errors = max, .ret_errors = n));
}

static int passed(void)
{
    return (int)((proa_now() - net.began) / PROA_MS);
}

#define ACTS(...) ((const struct act[]){__VA_ARGS__, {0}})

/* ---- names */

static int resolver_fails_body(void *arg)
{
    static const struct {
        const char *host;
        int rc;
    } fails[] = {
        {"odd.test", PROA_ENOHOST}, /* an empty answer */
        {"none.test", PROA_ENOHOST},
        {"again.test", PROA_ERESOLVEAGAIN},
        {"broken.test", PROA_ERESOLVE},
    };
    struct proa_stream *s;
    size_t n = 7;

    (void)arg;
    names_fresh();
    for (size_t i = 0; i < sizeof fails / sizeof fails[0]; i++)
        ck_err(proa_tcp_connect(&s, fails[i].host, 80, NULL), fails[i].rc);
    ck_err(connect_by((const struct act[]){{0}}, &s, NULL, 0, &n), PROA_ENOHOST);
    ck_assert_uint_eq(n, 0);
    return 0;
}
START_TEST(aio_conn_02_an_empty_answer_and_a_failed_look_up_are_told)
{
    t_run(resolver_fails_body, NULL);
}
END_TEST

/* ---- failures */

static int first_fails_body(void *arg)
{
    struct proa_stream *s;
    struct proa_connect_error errors[2];
    size_t n;

    (void)arg;
    ck_ok(connect_by(ACTS({"10.0.0.1", 0, PROA_ECONNREFUSED}, {"10.0.0.2", 0, 0}), &s, errors, 2,
                     &n));
    ck_assert_str_eq(net.order, "10.0.0.1@0 10.0.0.2@0");
    ck_assert_uint_eq(n, 1); /* also of one that succeeded in the end */
    ck_assert_int_eq(errors[0].rc, PROA_ECONNREFUSED);
    proa_stream_free(s);
    forget_far_ends();

    ck_err(connect_by(ACTS({"10.0.0.1", 0, PROA_ECONNREFUSED}), &s, NULL, 0, &n),
           PROA_ECONNREFUSED);
    ck_assert_str_eq(proa_err_detail(PROA_ECONNREFUSED), "connect 10.0.0.1:80: connection refused");
    ck_assert_uint_eq(n, 1);
    return 0;
}

static int all_fail_body(void *arg)
{
    const struct act *acts = ACTS({"10.0.0.1", 0, PROA_ECONNREFUSED},
                                  {"10.0.0.2", 0, PROA_EHOSTUNREACH},
                                  {"10.0.0.3", 0, PROA_ENETUNREACH});
    struct proa_connect_error errors[3] = {{.rc = 1}, {.rc = 1}, {.rc = 1}};
    char ip[PROA_ADDR_TEXT];
    struct proa_stream *s;
    size_t n;

    (void)arg;
    ck_err(connect_by(acts, &s, errors, 2, &n), PROA_ENETUNREACH);
    ck_assert_str_eq(proa_err_detail(PROA_ENETUNREACH),
                     "connect name.test port 80: 10.0.0.1:80: connection refused; "
                     "10.0.0.2:80: no route to host; 10.0.0.3:80: network unreachable");
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(proa_addr_format(&errors[1].addr, ip), "10.0.0.2:80");
    ck_assert_int_eq(errors[0].rc, PROA_ECONNREFUSED);
    ck_assert_int_eq(errors[1].rc, PROA_EHOSTUNREACH);
    ck_assert_int_eq(errors[2].rc, 1); /* there was room for two */
    ck_err(connect_by(acts, &s, errors, 3, NULL), PROA_ENETUNREACH);
    ck_assert_int_eq(errors[2].rc, PROA_ENETUNREACH);
    return 0;
}
START_TEST(aio_conn_03_the_next_address_is_tried_and_all_failures_are_told)
{
    t_run_modes(first_fails_body, NULL);
    t_run_modes(all_fail_body, NULL);
}
END_TEST

/* ---- races */

static int none_body(void *arg)
{
    struct proa_stream *s = NULL;
    struct proa_tcp_opts o = {.size = sizeof o};
    size_t n;

    (void)arg;
    ck_err(proa__connect_race(&s, NULL, 0, "nobody", &o), PROA_EADDRNOTAVAIL);
    ck_err(connect_by(ACTS({"10.0.0.1", 100 * PROA_MS, PROA_ECONNREFUSED},
                           {"10.0.0.2", 20 * PROA_MS, PROA_EHOSTUNREACH}),
                      &s, NULL, 0, &n),
           PROA_EHOSTUNREACH);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(passed(), 120); /* the first failed before the delay was over */
    ck_assert_ptr_null(s);
    ck_ok(connect_by(
        ACTS({"10.0.0.1", 400 * PROA_MS, PROA_ECONNTIMEDOUT}, {"10.0.0.2", 600 * PROA_MS, 0}), &s,
        NULL, 0, &n));
    ck_assert_int_eq(passed(), 850); /* the second, after the first had timed out */
    ck_assert_uint_eq(n, 1);
    proa_stream_free(s);
    forget_far_ends();
    return 0;
}
START_TEST(aio_conn_10_races_of_none_of_losers_and_of_a_late_winner)
{
    t_run_modes(none_body, NULL);
}
END_TEST

static int open_far_ends(void)
{
    char byte;
    int n = 0;

    for (int i = 0; i < net.tries; i++) {
        if (!net.far[i])
            continue;
        PROA_TIMEOUT(t, PROA_SEC);
        n += proa_timeout_result(&t, (int)proa_read(net.far[i], &byte, 1)) == PROA_ETIMEDOUT;
    }
    return n;
}

static int same_turn_body(void *arg)
{
    struct proa_stream *s;

    /* The first takes as long as the delay and the second together. */
    ck_ok(connect_by(ACTS({"10.0.0.1", 300 * PROA_MS, 0}, {"10.0.0.2", 50 * PROA_MS, 0}), &s, NULL,
                     0, NULL));
    ck_assert_int_eq(passed(), 300);
    ck_assert_int_eq(net.tries, 2);
    ck_assert_int_eq(open_far_ends(), 1); /* the other one's stream is closed */
    proa_stream_free(s);
    forget_far_ends();
    (void)arg;
    return 0;
}
static int first_of_turn_body(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    ck_ok(connect_by(ACTS({"10.0.0.1", 300 * PROA_MS, 0}, {"10.0.0.2", 50 * PROA_MS, 0}), &s, NULL,
                     0, NULL));
    ck_ok(proa_write(s, "1", 1, NULL));
    ck_assert_uint_ne(proa__stream_bits(net.far[0]) & STREAM_READ, 0); /* who came first */
    proa_stream_free(s);
    forget_far_ends();
    return 0;
}
static int late_body(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    net.late = true; /* it is told to end, and comes with a stream */
    ck_ok(connect_by(ACTS({"10.0.0.1", PROA_FOREVER, 0}, {"10.0.0.2", 0, 0}), &s, NULL, 0, NULL));
    net.late = false;
    ck_assert_int_eq(net.cut, 1);
    ck_assert_int_eq(open_far_ends(), 1);
    proa_stream_free(s);
    forget_far_ends();
    return 0;
}
START_TEST(aio_conn_11_of_two_that_succeed_at_once_one_is_kept)
{
    t_run_modes(same_turn_body, NULL);
    t_run_in_order(first_of_turn_body, NULL);
    t_run_modes(late_body, NULL);
}
END_TEST

static int cut_race_body(void *arg)
{
    struct proa_connect_error errors[4];
    struct proa_stream *s = NULL;
    size_t n = 9;
    int rc;

    (void)arg;
    {
        PROA_TIMEOUT(t, 600 * PROA_MS);
        rc = proa_timeout_result(
            &t, connect_by(ACTS({"10.0.0.1", PROA_FOREVER, 0},
                                {"10.0.0.2", 10 * PROA_MS, PROA_ECONNREFUSED},
                                {"10.0.0.3", PROA_FOREVER, 0}, {"10.0.0.4", PROA_FOREVER, 0}),
                           &s, errors, 4, &n));
    }
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    ck_assert_int_eq(passed(), 600);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(net.cut, 3);
    ck_assert_uint_eq(n, 1); /* those that were cut have not failed */
    ck_assert_int_eq(errors[0].rc, PROA_ECONNREFUSED);
    return 0;
}
/* In random orders: the loss is told, and before the next begins the race is over. */
static int cut_and_lost_body(void *arg)
{
    struct proa_stream *s = NULL;
    int rc;

    (void)arg;
    {
        PROA_TIMEOUT(t, 200 * PROA_MS);
        rc = proa_timeout_result(&t, connect_by(ACTS({"10.0.0.1", 200 * PROA_MS, PROA_ECONNREFUSED},
                                                     {"10.0.0.2", PROA_FOREVER, 0}),
                                                &s, NULL, 0, NULL));
    }
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    t_turns(3);
    ck_assert_int_eq(net.tries, 1);
    return 0;
}

/* It is cut, and comes with a stream in the same turn: in random orders also before the race is
 * told that it is over. */
static int cut_and_won_body(void *arg)
{
    struct proa_stream *s = NULL;
    int rc;

    (void)arg;
    net.late = true;
    {
        PROA_TIMEOUT(t, 200 * PROA_MS);
        rc = proa_timeout_result(
            &t, connect_by(ACTS({"10.0.0.1", PROA_FOREVER, 0}), &s, NULL, 0, NULL));
    }
    net.late = false;
    ck_assert_int_eq(rc, PROA_ETIMEDOUT);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(open_far_ends(), 0);
    forget_far_ends();
    return 0;
}

/* Nothing was tried: no attempt failed. */
static int untried_body(void *arg)
{
    struct proa_listener *l;
    struct proa_stream *s = NULL;
    struct proa_addr addr;
    size_t n = 7;

    (void)arg;
    ck_ok(proa_listen_unix(&l, t_peer_name("untried"), NULL));
    ck_ok(proa_listener_address(l, 0, &addr));
    ck_ok(proa_addr_connect(&s, &addr, PROA_TCP_OPTS(.ret_errors = &n)));
    ck_assert_uint_eq(n, 0);
    proa_stream_free(s);
    proa_listener_free(l);
    n = 7;
    ck_err(proa_tcp_connect(&s, "127.0.0.1", 1, PROA_TCP_OPTS(.family = 77, .ret_errors = &n)),
           PROA_EINVAL);
    ck_assert_uint_eq(n, 0);
    PROA_TIMEOUT(t, 0);
    n = 7;
    ck_err(proa_tcp_connect(&s, "127.0.0.1", 1, PROA_TCP_OPTS(.ret_errors = &n)), PROA_ECANCELED);
    ck_assert_uint_eq(n, 0);
    return 0;
}

static int note_wait(void *arg, const struct proa_task_info *info)
{
    if (info->call && strcmp(info->call, "proa_connect") == 0)
        snprintf(arg, 64, "%s", info->on);
    return 0;
}

static int connect_for_ever(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    return connect_by(ACTS({"10.0.0.1", PROA_FOREVER, 0}), &s, NULL, 0, NULL);
}

static int seen_body(void *arg)
{
    char seen[64] = "";

    (void)arg;
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, connect_for_ever, NULL));
    t_settle();
    ck_ok(proa_tasks_walk(note_wait, seen));
    ck_assert_str_eq(seen, "name.test port 80");
    proa_group_cancel(&g);
    return proa_group_join(&g);
}
START_TEST(who_looks_sees_where_to)
{
    t_run_modes(seen_body, NULL);
}
END_TEST

/* A connector must not make its caller believe that it was cancelled. */
static int false_cancel_body(void *arg)
{
    struct proa_stream *s = NULL;

    (void)arg;
    ck_err(connect_by(ACTS({"10.0.0.1", 0, PROA_ECANCELED}), &s, NULL, 0, NULL),
           PROA_ETASKCANCELED);
    return 0;
}
START_TEST(aio_conn_12_a_race_that_is_cut_ends_with_a_proper_error)
{
    t_run_modes(cut_race_body, NULL);
    t_run_modes(cut_and_lost_body, NULL);
    t_run_modes(cut_and_won_body, NULL);
    t_run_modes(untried_body, NULL);
    t_run_modes(false_cancel_body, NULL);
}
END_TEST

static int interleave_body(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    ck_err(connect_by(ACTS({"2001:db8::1", 0, PROA_ECONNREFUSED},
                           {"2001:db8::2", 0, PROA_ECONNREFUSED},
                           {"2001:db8::3", 0, PROA_ECONNREFUSED},
                           {"10.0.0.1", 0, PROA_ECONNREFUSED}, {"10.0.0.2", 0, PROA_ECONNREFUSED}),
                      &s, NULL, 0, NULL),
           PROA_ECONNREFUSED);
    ck_assert_str_eq(net.order, "2001:db8::1@0 10.0.0.1@0 2001:db8::2@0 10.0.0.2@0 2001:db8::3@0");
    return 0;
}
START_TEST(aio_conn_13_families_alternate_the_first_one_first)
{
    t_run_modes(interleave_body, NULL);
}
END_TEST

static int black_hole_body(void *arg)
{
    struct proa_stream *s;

    (void)arg;
    ck_ok(connect_by(
        ACTS({"2001:db8::1", PROA_FOREVER, 0}, {"10.0.0.1", 30 * PROA_MS, 0}, {"10.0.0.2", 0, 0}),
        &s, NULL, 0, NULL));
    ck_assert_int_eq(passed(), 280);
    ck_assert_str_eq(net.order, "2001:db8::1@0 10.0.0.1@250");
    ck_assert_int_eq(net.cut, 1);
    proa_stream_free(s);
    forget_far_ends();
    return 0;
}
START_TEST(aio_conn_14_a_black_hole_costs_the_delay_only)
{
    t_run_modes(black_hole_body, NULL);
}
END_TEST

static int refused_body(void *arg)
{
    struct proa_listener *l;
    struct proa_stream *s;
    int port;

    (void)arg;
    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    port = proa_listener_port(l);
    proa_listener_free(l);
    ck_err(proa_tcp_connect(&s, "127.0.0.1", port, NULL), PROA_ECONNREFUSED);
    ck_assert_int_eq(PROA_ECONNREFUSED, -ECONNREFUSED);
    ck_err(connect_by(ACTS({"10.0.0.1", 0, PROA_ECONNREFUSED}, {"10.0.0.2", 0, PROA_ECONNREFUSED}),
                      &s, NULL, 0, NULL),
           PROA_ECONNREFUSED);
    ck_assert_int_eq(passed(), 0);
    return 0;
}
START_TEST(aio_conn_17_a_refusal_is_told_at_once)
{
    t_run_modes(refused_body, NULL);
}
END_TEST

/* ---- cancels and lack of memory */

static int whole_body(void *arg)
{
    PROA_AUTO(proa_stream) *s = NULL;
    int rc = connect_by(ACTS({"10.0.0.1", 0, PROA_ECONNREFUSED}, {"10.0.0.2", 300 * PROA_MS, 0},
                             {"10.0.0.3", PROA_SEC, 0}),
                        &s, NULL, 0, NULL);

    (void)arg;
    forget_far_ends();
    t_turns(2); /* a look-up without an asker comes to its end */
    return rc;
}
START_TEST(a_scripted_race_survives_cancels)
{
    t_each_park(whole_body, NULL);
}
END_TEST

/* Whichever attempt has no memory, the others are made. */
static int starved_body(void *arg)
{
    PROA_AUTO(proa_stream) *s = NULL;
    int rc = connect_by(ACTS({"10.0.0.1", 300 * PROA_MS, 0}, {"10.0.0.2", 300 * PROA_MS, 0}), &s,
                        NULL, 0, NULL);

    (void)arg;
    forget_far_ends();
    t_turns(2);
    return rc;
}
START_TEST(a_scripted_race_survives_lack_of_memory)
{
    t_run_each_alloc(starved_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("aio_connect",
                  (const TTest *const[]){
                      aio_conn_02_an_empty_answer_and_a_failed_look_up_are_told,
                      aio_conn_03_the_next_address_is_tried_and_all_failures_are_told,
                      aio_conn_10_races_of_none_of_losers_and_of_a_late_winner,
                      aio_conn_11_of_two_that_succeed_at_once_one_is_kept,
                      aio_conn_12_a_race_that_is_cut_ends_with_a_proper_error,
                      aio_conn_13_families_alternate_the_first_one_first,
                      aio_conn_14_a_black_hole_costs_the_delay_only,
                      aio_conn_17_a_refusal_is_told_at_once,
                      who_looks_sees_where_to,
                      a_scripted_race_survives_cancels,
                      a_scripted_race_survives_lack_of_memory,
                      NULL,
                  });
}
