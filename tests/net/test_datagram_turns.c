#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/datagram.h>
#include <proa/err.h>
#include <proa/group.h>
#include <proa/run.h>
#include <proa/scope.h>
#include <proa/task.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

/* Whose turn it is to send or receive, and what a call that does not get its turn leaves. */

static void open_two(struct proa_dgram **server, struct proa_dgram **client)
{
    struct proa_addr at;

    ck_ok(proa_udp_bind(server, "127.0.0.1", 0, NULL));
    ck_ok(proa_dgram_local(*server, &at));
    ck_ok(proa_udp_connect(client, "127.0.0.1", proa_addr_port(&at), NULL));
}

struct taker {
    struct proa_dgram *d;
    char got[8];
    ssize_t rc;
};

static int take(void *arg)
{
    struct taker *t = arg;

    t->rc = proa_dgram_receive(t->d, t->got, sizeof t->got, NULL);
    return t->rc < 0 ? (int)t->rc : 0;
}

static int take_two(void *arg)
{
    struct taker *t = arg;
    int rc = take(&t[0]);

    return rc < 0 ? rc : take(&t[1]);
}

/* Whoever comes while the next has been woken, and has not run yet, is behind it. */
static int woken_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;

    (void)arg;
    open_two(&s, &c);
    struct taker greedy[2] = {{.d = s}, {.d = s}}, next = {.d = s};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take_two, greedy));
    t_turns(2);
    ck_ok(proa_create_task(&g, take, &next));
    t_turns(2);
    ck_ok(proa_dgram_send(c, "a", 1, NULL));
    ck_ok(proa_dgram_send(c, "bb", 2, NULL));
    ck_ok(proa_dgram_send(c, "ccc", 3, NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(greedy[0].rc, 1);
    ck_assert_int_eq(next.rc, 2);
    ck_assert_int_eq(greedy[1].rc, 3);
    return 0;
}
START_TEST(nobody_goes_before_one_who_is_woken)
{
    t_run_modes(woken_body, NULL);
}
END_TEST

/* More tasks than a turn of the loop has slices, twice: it looks for events while they run. */
enum { CROWD = 2 * 64 + 2 };

struct crowd {
    struct proa_dgram *c;
    size_t sent;
};

static int send_next(void *arg)
{
    static const char bytes[CROWD];
    struct crowd *crowd = arg;

    return proa_dgram_send(crowd->c, bytes, ++crowd->sent, NULL);
}

static void come_together(struct proa_group *g, struct crowd *crowd)
{
    for (int i = 0; i < CROWD; i++)
        ck_ok(proa_create_task(g, send_next, crowd));
}

/* The first, woken by one edge, has not run at the next: that one wakes nobody. */
static int edges_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;

    (void)arg;
    open_two(&s, &c);
    struct taker greedy[2] = {{.d = s}, {.d = s}}, next = {.d = s};
    struct crowd crowd = {.c = c};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take_two, greedy));
    t_turns(2);
    ck_ok(proa_create_task(&g, take, &next));
    t_turns(2);
    come_together(&g, &crowd);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(greedy[0].rc, 1);
    ck_assert_int_eq(next.rc, 2);
    ck_assert_int_eq(greedy[1].rc, 3);
    return 0;
}
START_TEST(two_edges_wake_one_at_a_time)
{
    t_run_modes(edges_body, NULL);
}
END_TEST

struct leaver {
    struct taker taker;
    struct proa_scope *scope;
};

static int leave_and_take(void *arg)
{
    struct leaver *l = arg;
    {
        PROA_SCOPE(scope);
        l->scope = &scope;
        ck_err(take(&l->taker), PROA_ECANCELED);
    }
    return take(&l->taker);
}

/* Who is told to leave the line, and the first is woken before it goes, takes nothing from it. In
 * order: else it may not leave at all. */
static int leaver_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;

    (void)arg;
    open_two(&s, &c);
    struct taker first = {.d = s};
    struct leaver second = {.taker = {.d = s}};
    struct crowd crowd = {.c = c};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take, &first));
    t_turns(2);
    ck_ok(proa_create_task(&g, leave_and_take, &second));
    t_turns(2);
    come_together(&g, &crowd);
    proa_scope_cancel(second.scope);
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(first.rc, 1);
    ck_assert_int_eq(second.taker.rc, 2);
    return 0;
}
START_TEST(a_cancel_in_the_line_costs_the_first_nothing)
{
    t_run_in_order(leaver_body, NULL);
}
END_TEST

/* The second in line is the first when it is woken for nothing, and stays before the third. */
static int second_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char buf[8];

    (void)arg;
    open_two(&s, &c);
    struct taker t[3] = {{.d = s}, {.d = s}, {.d = s}};
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++) {
        ck_ok(proa_create_task(&g, take, &t[i]));
        t_turns(2);
    }
    ck_ok(proa_dgram_send(c, "1", 1, NULL));
    t_turns(3);
    ck_assert_int_eq(t[0].rc, 1);
    ck_ok(proa_dgram_send(c, "gone", 4, NULL));
    ck_assert_int_eq(recv(proa_dgram_fd(s), buf, sizeof buf, 0), 4);
    t_turns(3);
    ck_ok(proa_dgram_send(c, "22", 2, NULL));
    ck_ok(proa_dgram_send(c, "333", 3, NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(t[1].rc, 2);
    ck_assert_int_eq(t[2].rc, 3);
    return 0;
}
START_TEST(a_wake_for_nothing_costs_the_second_no_place)
{
    t_run_modes(second_body, NULL);
}
END_TEST

static int cancelled_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char buf[8];

    (void)arg;
    open_two(&s, &c);
    ck_ok(proa_dgram_send(c, "one", 3, NULL));
    t_turns(2);
    {
        PROA_SCOPE(scope);
        proa_scope_cancel(&scope);
        ck_err(proa_dgram_receive(s, buf, sizeof buf, NULL), PROA_ECANCELED);
        ck_err(proa_dgram_send(c, "two", 3, NULL), PROA_ECANCELED);
    }
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 3);
    ck_assert_int_eq(memcmp(buf, "one", 3), 0);
    ck_assert_int_eq(recv(proa_dgram_fd(s), buf, sizeof buf, MSG_DONTWAIT), -1);
    return 0;
}
START_TEST(aio_sock_02_the_cancelled_take_and_send_nothing)
{
    t_run_modes(cancelled_body, NULL);
}
END_TEST

/* No more than there is room for, nor than there is to be sent. */
static int small_batch_body(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char room[3][4];
    struct proa_datagram out[3] = {
        {.bytes = (void *)"1", .n = 1}, {.bytes = (void *)"22", .n = 2}, {0}};
    struct proa_datagram in[3] = {{.bytes = room[0], .n = 4}, {.bytes = room[1], .n = 4}, {0}};

    (void)arg;
    open_two(&s, &c);
    ck_assert_int_eq(proa_dgram_send_batch(c, out, 2), 2);
    ck_ok(proa_dgram_send(c, "333", 3, NULL));
    ck_assert_int_eq(proa_dgram_receive_batch(s, in, 2), 2);
    ck_assert_uint_eq(in[1].n, 2);
    ck_assert_int_eq(proa_dgram_receive(s, room[2], 4, NULL), 3);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_dgram_local(c, &out[i].addr));
    ck_assert_int_eq(proa_dgram_send_batch(s, out, 2), 2); /* each where it says */
    ck_assert_int_eq(proa_dgram_receive(c, room[0], 4, NULL), 1);
    ck_assert_int_eq(proa_dgram_receive(c, room[0], 4, NULL), 2);
    return 0;
}
START_TEST(a_batch_is_as_large_as_its_count)
{
    t_run_modes(small_batch_body, NULL);
}
END_TEST

/* The system unties a UNIX socket from a peer that is gone: then another may be named. */
static int untied_body(void *arg)
{
    PROA_AUTO(proa_dgram) *c = NULL;
    PROA_AUTO(proa_dgram) *other = NULL;
    struct proa_dgram *s = NULL;
    struct proa_addr first, second;
    char buf[8];

    (void)arg;
    ck_ok(proa_addr_unix(&first, t_peer_name("first")));
    ck_ok(proa_addr_unix(&second, t_peer_name("second")));
    ck_ok(proa_dgram_open(&s, PROA_DGRAM_OPTS(.local = &first)));
    ck_ok(proa_dgram_open(&other, PROA_DGRAM_OPTS(.local = &second)));
    ck_ok(proa_dgram_open(&c, PROA_DGRAM_OPTS(.remote = &first)));
    ck_err(proa_dgram_send(c, "x", 1, &second), PROA_EISCONN);
    proa_dgram_free(s);
    ck_err(proa_dgram_send(c, "x", 1, NULL), PROA_ECONNREFUSED);
    ck_ok(proa_dgram_send(c, "yy", 2, &second));
    ck_assert_int_eq(proa_dgram_receive(other, buf, sizeof buf, NULL), 2);
    return 0;
}
START_TEST(a_socket_whose_peer_is_gone_may_name_another)
{
    t_run_modes(untied_body, NULL);
}
END_TEST

/* ---- misuse */

static int receive_of(void *d)
{
    char byte;

    return (int)proa_dgram_receive(d, &byte, 1, NULL);
}
START_TEST(receiving_from_nothing_stops_the_program)
{
    t_run_aborts(receive_of, NULL, "d is NULL");
}
END_TEST

static void *run_there(void *d)
{
    proa_run(receive_of, d, NULL);
    return NULL;
}

static int elsewhere_body(void *arg)
{
    struct proa_dgram *d = NULL;
    pthread_t thread;

    (void)arg;
    ck_ok(proa_udp_bind(&d, "127.0.0.1", 0, NULL));
    ck_assert_int_eq(pthread_create(&thread, NULL, run_there, d), 0);
    pthread_join(thread, NULL);
    return 0;
}
START_TEST(another_loops_socket_stops_the_program)
{
    t_run_aborts(elsewhere_body, NULL, "proa_dgram_receive: called from a thread that is not");
}
END_TEST

static const unsigned dead[200];

static int address_of_dead(void *arg)
{
    return proa_dgram_local((const struct proa_dgram *)dead, arg);
}
static int descriptor_of_dead(void *arg)
{
    (void)arg;
    return proa_dgram_fd((const struct proa_dgram *)dead);
}
static int free_dead(void *arg)
{
    proa_dgram_free(arg);
    return 0;
}
START_TEST(a_dead_socket_stops_the_program)
{
    struct proa_addr addr;
    static unsigned gone[200];

    t_run_aborts(address_of_dead, &addr, "d is not what it should be");
    t_run_aborts(descriptor_of_dead, NULL, "d is not what it should be");
    t_run_aborts(free_dead, gone, "d is not what it should be");
}
END_TEST

static int send_one(void *d)
{
    return proa_dgram_send(d, "x", 1, NULL);
}

/* Nobody reads at the other end. */
static int sender_body(void *arg)
{
    struct proa_dgram *d = NULL;
    int ends[2];
    PROA_GROUP(g);

    (void)arg;
    ck_ok(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends));
    ck_ok(proa_dgram_from_fd(&d, ends[0]));
    while (send(ends[0], "x", 1, MSG_DONTWAIT) == 1)
        continue;
    ck_ok(proa_create_task(&g, send_one, d));
    t_settle();
    proa_dgram_free(d);
    return 0;
}
START_TEST(free_under_a_sender_is_a_mistake)
{
    t_run_aborts(sender_body, NULL, "a task waits on it");
}
END_TEST

int main(void)
{
    return t_main("datagram_turns", (const TTest *const[]){
                                        nobody_goes_before_one_who_is_woken,
                                        two_edges_wake_one_at_a_time,
                                        a_cancel_in_the_line_costs_the_first_nothing,
                                        a_wake_for_nothing_costs_the_second_no_place,
                                        aio_sock_02_the_cancelled_take_and_send_nothing,
                                        a_batch_is_as_large_as_its_count,
                                        a_socket_whose_peer_is_gone_may_name_another,
                                        receiving_from_nothing_stops_the_program,
                                        another_loops_socket_stops_the_program,
                                        a_dead_socket_stops_the_program,
                                        free_under_a_sender_is_a_mistake,
                                        NULL,
                                    });
}
