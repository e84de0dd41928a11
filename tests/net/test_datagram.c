#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/datagram.h>
#include <proa/group.h>
#include <proa/scope.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY(name) static int name##_body(void *arg)
#define RUN(name)                                                                                  \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(name##_body, NULL);                                                                  \
    }                                                                                              \
    END_TEST

static struct proa_addr local_of(struct proa_dgram *d)
{
    struct proa_addr a;

    ck_ok(proa_dgram_local(d, &a));
    return a;
}

/* A socket on a free port of 127.0.0.1, and one that talks to it alone. */
static void open_two(struct proa_dgram **server, struct proa_dgram **client)
{
    struct proa_addr at;

    ck_ok(proa_udp_bind(server, "127.0.0.1", 0, NULL));
    at = local_of(*server);
    ck_ok(proa_udp_connect(client, "127.0.0.1", proa_addr_port(&at), NULL));
}

BODY(a_datagram_arrives_whole_with_its_sender)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    struct proa_addr from, mine;
    char buf[100];

    (void)arg;
    open_two(&s, &c);
    ck_ok(proa_dgram_send(c, "one", 3, NULL));
    ck_ok(proa_dgram_send(c, "three", 5, NULL));
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, &from), 3);
    ck_assert_int_eq(memcmp(buf, "one", 3), 0);
    mine = local_of(c);
    ck_assert(proa_addr_eq(&from, &mine));
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 5);
    ck_ok(proa_dgram_send(s, "back", 4, &from));
    ck_assert_int_eq(proa_dgram_receive(c, buf, sizeof buf, NULL), 4);
    return 0;
}
RUN(a_datagram_arrives_whole_with_its_sender)

/* On Linux a datagram to nobody on this machine comes back as an error of the next call. */
BODY(aio_udp_01_a_closed_port_is_told_and_the_socket_stays_open)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    struct proa_addr there;
    char buf[10];

    (void)arg;
    open_two(&s, &c);
    there = local_of(s);
    proa_dgram_free(s);
    s = NULL;
    ck_ok(proa_dgram_send(c, "x", 1, NULL));
    ck_err(proa_dgram_receive(c, buf, sizeof buf, NULL), PROA_ECONNREFUSED);
    ck_ok(proa_udp_bind(&s, "127.0.0.1", proa_addr_port(&there), NULL));
    ck_ok(proa_dgram_send(c, "y", 1, NULL));
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 1);
    ck_assert_int_eq(buf[0], 'y');
    return 0;
}
RUN(aio_udp_01_a_closed_port_is_told_and_the_socket_stays_open)

BODY(aio_udp_02_a_connected_socket_sends_to_its_peer_only)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    PROA_AUTO(proa_dgram) *other = NULL;
    struct proa_addr peer, elsewhere;
    char buf[10];

    (void)arg;
    open_two(&s, &c);
    ck_ok(proa_udp_bind(&other, "127.0.0.1", 0, NULL));
    elsewhere = local_of(other);
    peer = local_of(s);
    ck_err(proa_dgram_send(c, "x", 1, &elsewhere), PROA_EISCONN);
    ck_err(proa_dgram_send_batch(c, &(struct proa_datagram){buf, 1, elsewhere, false}, 1),
           PROA_EISCONN);
    ck_ok(proa_dgram_send(c, "y", 1, &peer));
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 1);
    ck_ok(proa_dgram_send(other, "z", 1, (struct proa_addr[]){local_of(c)}));
    ck_err(PROA_WITHIN(0, proa_dgram_receive(c, buf, sizeof buf, NULL)), PROA_ETIMEDOUT);
    ck_err(proa_dgram_send(s, "x", 1, NULL), PROA_EDESTADDRREQ);
    ck_err(proa_dgram_peer(s, &peer), PROA_ENOTCONN);
    return 0;
}
RUN(aio_udp_02_a_connected_socket_sends_to_its_peer_only)

struct sender {
    struct proa_dgram *d;
    int number;
};

static int send_number(void *arg)
{
    struct sender *s = arg;

    return proa_dgram_send(s->d, &s->number, sizeof s->number, NULL);
}

/* A UNIX datagram socket has room for a few only: the rest of the senders wait. */
BODY(aio_udp_03_senders_without_room_wait_in_their_order)
{
    enum { N = 3000 };
    struct proa_dgram *a = NULL, *b = NULL;
    struct sender *senders = calloc(N, sizeof *senders);
    int ends[2], number;
    PROA_GROUP(g);

    (void)arg;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_ok(proa_dgram_from_fd(&a, ends[0]));
    ck_ok(proa_dgram_from_fd(&b, ends[1]));
    for (int i = 0; i < N; i++) {
        senders[i] = (struct sender){a, i};
        ck_ok(proa_create_task(&g, send_number, &senders[i]));
    }
    ck_ok(proa_yield());
    ck_assert_uint_gt(proa_group_running(&g), 0); /* else this test shows nothing */
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(proa_dgram_receive(b, &number, sizeof number, NULL), sizeof number);
        ck_assert_int_eq(number, i);
    }
    ck_ok(proa_group_join(&g));
    proa_dgram_free(a);
    proa_dgram_free(b);
    free(senders);
    return 0;
}
RUN(aio_udp_03_senders_without_room_wait_in_their_order)

BODY(aio_udp_04_an_empty_datagram_is_one)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char buf[10];

    (void)arg;
    open_two(&s, &c);
    ck_ok(proa_dgram_send(c, "", 0, NULL));
    ck_ok(proa_dgram_send(c, "x", 1, NULL));
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 0);
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 1);
    return 0;
}
RUN(aio_udp_04_an_empty_datagram_is_one)

BODY(aio_udp_05_families_do_not_mix_and_broadcast_is_asked_for)
{
    PROA_AUTO(proa_dgram) *d = NULL;
    PROA_AUTO(proa_dgram) *b = NULL;
    struct proa_addr four, six, all;

    (void)arg;
    ck_ok(proa_addr_ip(&four, "127.0.0.1", 0));
    ck_ok(proa_addr_ip(&six, "::1", 9));
    ck_err(proa_dgram_open(&d, PROA_DGRAM_OPTS(.local = &four, .remote = &six)), PROA_EINVAL);
    ck_err(proa_dgram_open(&d, NULL), PROA_EINVAL);
    ck_err(proa_udp_bind(&d, "127.0.0.1", 0, PROA_DGRAM_OPTS(.local = &four)), PROA_EINVAL);
    ck_err(proa_udp_connect(&d, "127.0.0.1", 1, PROA_DGRAM_OPTS(.remote = &four)), PROA_EINVAL);
    ck_assert_ptr_null(d);
    ck_ok(proa_addr_ip(&all, "127.255.255.255", 9));
    ck_ok(proa_dgram_open(&d, PROA_DGRAM_OPTS(.local = &four)));
    ck_err(proa_dgram_send(d, "x", 1, &all), PROA_EACCES);
    ck_ok(proa_dgram_open(&b, PROA_DGRAM_OPTS(.local = &four, .broadcast = true)));
    ck_ok(proa_dgram_send(b, "x", 1, &all));
    return 0;
}
RUN(aio_udp_05_families_do_not_mix_and_broadcast_is_asked_for)

BODY(only_a_datagram_socket_can_be_one)
{
    struct proa_dgram *d = NULL;
    int ends[2], fd[2];

    (void)arg;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_err(proa_dgram_from_fd(&d, ends[0]), PROA_EINVAL);
    ck_err(proa_dgram_from_fd(&d, -1), PROA_EBADF);
    ck_assert_int_eq(pipe(fd), 0);
    ck_err(proa_dgram_from_fd(&d, fd[0]), PROA_ENOTSOCK);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(fd[i]);
    }
    return 0;
}
RUN(only_a_datagram_socket_can_be_one)

BODY(a_datagram_larger_than_its_room_is_cut_and_told)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char buf[5] = "", *large = calloc(70000, 1);
    struct proa_addr from, mine;

    (void)arg;
    open_two(&s, &c);
    ck_ok(proa_dgram_send(c, "12345", 5, NULL));
    ck_ok(proa_dgram_send(c, "123456", 6, NULL));
    ck_ok(proa_dgram_send(c, "ok", 2, NULL));
    ck_assert_int_eq(proa_dgram_receive(s, buf, 5, NULL), 5);
    memset(buf, 0, sizeof buf);
    ck_err(proa_dgram_receive(s, buf, 5, &from), PROA_EMSGSIZE);
    ck_assert_int_eq(memcmp(buf, "12345", 5), 0);
    mine = local_of(c);
    ck_assert(proa_addr_eq(&from, &mine));
    ck_assert_int_eq(proa_dgram_receive(s, buf, 5, NULL), 2);
    ck_err(proa_dgram_send(c, large, 70000, NULL), PROA_EMSGSIZE);
    free(large);
    return 0;
}
RUN(a_datagram_larger_than_its_room_is_cut_and_told)

BODY(batches_move_many_at_once)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    static struct proa_datagram out[20], in[20];
    char texts[20][4], room[20][4];

    (void)arg;
    open_two(&s, &c);
    for (int i = 0; i < 20; i++) {
        memcpy(texts[i], "abcd", 4);
        out[i] = (struct proa_datagram){.bytes = texts[i], .n = (size_t)i % 5};
        in[i] = (struct proa_datagram){.bytes = room[i], .n = 3};
    }
    ck_err(proa_dgram_send_batch(c, out, 0), PROA_EINVAL);
    ck_err(proa_dgram_receive_batch(s, in, 0), PROA_EINVAL);
    ck_assert_int_eq(proa_dgram_send_batch(c, out, 20), PROA_DGRAM_BATCH);
    ck_assert_int_eq(proa_dgram_receive_batch(s, in, 20), PROA_DGRAM_BATCH);
    for (int i = 0; i < PROA_DGRAM_BATCH; i++) {
        struct proa_addr mine = local_of(c);
        size_t n = (size_t)i % 5;

        ck_assert(in[i].cut == (n > 3));
        ck_assert_uint_eq(in[i].n, n > 3 ? 3 : n);
        ck_assert_int_eq(memcmp(room[i], "abcd", in[i].n), 0);
        ck_assert(proa_addr_eq(&in[i].addr, &mine));
    }
    return 0;
}
RUN(batches_move_many_at_once)

struct taker {
    struct proa_dgram *d;
    int *order;
    int number, got;
};

static int take_one(void *arg)
{
    struct taker *t = arg;
    char c;
    ssize_t n = proa_dgram_receive(t->d, &c, 1, NULL);

    t->got = n == 1 ? c : (int)n;
    t->order[t->got == PROA_ECANCELED ? 9 : c - 'a'] = t->number;
    return n < 0 ? (int)n : 0;
}

/* Three wait; the second is cancelled; two datagrams are for the first and the third, and one that
 * comes later does not overtake. */
BODY(receivers_are_served_in_their_order)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    int order[10] = {0};
    struct taker t[4];
    struct proa_task_ref ref[4];
    PROA_GROUP(g);

    (void)arg;
    open_two(&s, &c);
    for (int i = 0; i < 4; i++)
        t[i] = (struct taker){s, order, i + 1, 0};
    for (int i = 0; i < 3; i++)
        ck_ok(proa_create_task_opts(&g, &ref[i], take_one, &t[i], NULL));
    ck_ok(proa_yield());
    ck_ok(proa_task_cancel(ref[1]));
    ck_ok(proa_dgram_send(c, "a", 1, NULL));
    ck_ok(proa_dgram_send(c, "b", 1, NULL));
    ck_ok(proa_dgram_send(c, "c", 1, NULL));
    ck_ok(proa_create_task_opts(&g, &ref[3], take_one, &t[3], NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(order[0], 1);
    ck_assert_int_eq(order[1], 3);
    ck_assert_int_eq(order[2], 4);
    ck_assert_int_eq(t[1].got, PROA_ECANCELED);
    return 0;
}
RUN(receivers_are_served_in_their_order)

BODY(aio_sock_02_a_cancelled_receive_takes_nothing)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char buf[2];

    (void)arg;
    open_two(&s, &c);
    ck_err(PROA_WITHIN(0, proa_dgram_receive(s, buf, 1, NULL)), PROA_ETIMEDOUT);
    ck_ok(proa_dgram_send(c, "x", 1, NULL));
    ck_assert_int_eq(proa_dgram_receive(s, buf, 1, NULL), 1);
    return 0;
}
RUN(aio_sock_02_a_cancelled_receive_takes_nothing)

BODY(unix_paths_are_removed_at_the_end)
{
    char dir[] = "/tmp/proa-dgram-XXXXXX", path[64], other[64], missing[64], buf[10];
    struct proa_dgram *s = NULL, *again = NULL, *c = NULL;
    struct proa_addr at, from, mine, nobody;

    (void)arg;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(other, sizeof other, "%s/o", dir);
    snprintf(missing, sizeof missing, "%s/m", dir);
    ck_ok(proa_addr_unix(&at, path));
    ck_ok(proa_dgram_open(&s, PROA_DGRAM_OPTS(.local = &at)));
    ck_err(proa_dgram_open(&again, PROA_DGRAM_OPTS(.local = &at)), PROA_EADDRINUSE);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_ok(proa_addr_unix(&mine, other));
    ck_ok(proa_addr_unix(&nobody, missing));
    ck_err(proa_dgram_open(&again, PROA_DGRAM_OPTS(.local = &mine, .remote = &nobody)),
           PROA_ENOENT);
    ck_assert_int_ne(access(other, F_OK), 0); /* a failure leaves nothing behind either */
    ck_ok(proa_dgram_open(&c, PROA_DGRAM_OPTS(.remote = &at)));
    ck_ok(proa_dgram_send(c, "hello", 5, NULL));
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, &from), 5);
    proa_dgram_free(s);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_err(proa_dgram_send(c, "x", 1, NULL), PROA_ECONNREFUSED);
    proa_dgram_free(c);
    proa_dgram_free(NULL);
    ck_assert_int_eq(rmdir(dir), 0);
    return 0;
}
RUN(unix_paths_are_removed_at_the_end)

static int waiting(void *arg)
{
    char c;

    return (int)proa_dgram_receive(arg, &c, 1, NULL);
}

BODY(free_under_a_receiver)
{
    struct proa_dgram *s = NULL;
    PROA_GROUP(g);

    (void)arg;
    ck_ok(proa_udp_bind(&s, NULL, 0, NULL));
    ck_ok(proa_create_task(&g, waiting, s));
    ck_ok(proa_yield());
    proa_dgram_free(s);
    return 0;
}
START_TEST(free_under_a_receiver_is_a_mistake)
{
    t_run_aborts(free_under_a_receiver_body, NULL, "a task waits on it");
}
END_TEST

static int whole(void *arg)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    struct proa_addr at;
    char buf[10];
    int rc = proa_udp_bind(&s, "localhost", 0, PROA_DGRAM_OPTS(.family = AF_INET));

    (void)arg;
    if (rc == 0)
        rc = proa_dgram_local(s, &at);
    if (rc == 0)
        rc = proa_udp_connect(&c, "127.0.0.1", proa_addr_port(&at), NULL);
    if (rc == 0)
        rc = proa_dgram_send(c, "x", 1, NULL);
    if (rc == 0)
        rc = (int)proa_dgram_receive(s, buf, sizeof buf, NULL);
    return rc < 0 ? rc : 0;
}
START_TEST(each_allocation_may_fail)
{
    t_run_each_alloc(whole, NULL);
}
END_TEST
START_TEST(it_may_be_cancelled_wherever_it_waits)
{
    t_each_park(whole, NULL);
}
END_TEST

struct place {
    struct proa_dgram *d;
    char got[8];
    ssize_t rc;
};

static int take_place(void *arg)
{
    struct place *p = arg;

    p->rc = proa_dgram_receive(p->d, p->got, sizeof p->got, NULL);
    return 0;
}

/* Somebody else takes what the first was woken for: it waits on, still before the second. */
BODY(a_wake_for_nothing_costs_no_place)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    char buf[8];

    (void)arg;
    open_two(&s, &c);
    struct place first = {.d = s}, second = {.d = s};
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, take_place, &first));
    ck_ok(proa_create_task(&g, take_place, &second));
    t_turns(2);
    ck_ok(proa_dgram_send(c, "gone", 4, NULL));
    ck_assert_int_eq(recv(proa_dgram_fd(s), buf, sizeof buf, 0), 4);
    t_turns(3);
    ck_assert(first.rc == 0 && second.rc == 0);
    ck_ok(proa_dgram_send(c, "one", 3, NULL));
    ck_ok(proa_dgram_send(c, "second", 6, NULL));
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(first.rc, 3);
    ck_assert_int_eq(second.rc, 6);
    return 0;
}
RUN(a_wake_for_nothing_costs_no_place)

/* Those before the wrong one leave, and the next call, which begins with it, fails. */
BODY(a_batch_ends_before_what_cannot_be_sent)
{
    PROA_AUTO(proa_dgram) *s = NULL;
    PROA_AUTO(proa_dgram) *c = NULL;
    struct proa_addr wrong;
    char buf[8];

    (void)arg;
    open_two(&s, &c);
    ck_ok(proa_addr_ip(&wrong, "127.0.0.1", 1));
    struct proa_datagram batch[3] = {{.bytes = (void *)"1", .n = 1},
                                     {.bytes = (void *)"22", .n = 2},
                                     {.bytes = (void *)"333", .n = 3, .addr = wrong}};
    ck_assert_int_eq(proa_dgram_send_batch(c, batch, 3), 2);
    ck_err(proa_dgram_send_batch(c, batch + 2, 1), PROA_EISCONN);
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 1);
    ck_assert_int_eq(proa_dgram_receive(s, buf, sizeof buf, NULL), 2);
    ck_err(PROA_WITHIN(0, proa_dgram_receive(s, buf, sizeof buf, NULL)), PROA_ETIMEDOUT);
    return 0;
}
RUN(a_batch_ends_before_what_cannot_be_sent)

static void send_to_null(void *arg)
{
    proa_dgram_send(NULL, arg, 1, NULL);
}
START_TEST(no_socket_aborts_with_a_sentence)
{
    t_aborts(send_to_null, NULL, "d is NULL");
}
END_TEST

int main(void)
{
    return t_main("datagram", (const TTest *const[]){
                                  a_datagram_arrives_whole_with_its_sender,
                                  aio_udp_01_a_closed_port_is_told_and_the_socket_stays_open,
                                  aio_udp_02_a_connected_socket_sends_to_its_peer_only,
                                  aio_udp_03_senders_without_room_wait_in_their_order,
                                  aio_udp_04_an_empty_datagram_is_one,
                                  aio_udp_05_families_do_not_mix_and_broadcast_is_asked_for,
                                  only_a_datagram_socket_can_be_one,
                                  a_datagram_larger_than_its_room_is_cut_and_told,
                                  batches_move_many_at_once,
                                  receivers_are_served_in_their_order,
                                  aio_sock_02_a_cancelled_receive_takes_nothing,
                                  a_wake_for_nothing_costs_no_place,
                                  a_batch_ends_before_what_cannot_be_sent,
                                  no_socket_aborts_with_a_sentence,
                                  unix_paths_are_removed_at_the_end,
                                  free_under_a_receiver_is_a_mistake,
                                  each_allocation_may_fail,
                                  it_may_be_cancelled_wherever_it_waits,
                                  NULL,
                              });
}
