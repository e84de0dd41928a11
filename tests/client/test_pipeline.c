#include "client/connection.h"
#include "scripted.h"

#include <proa/scope.h>

#include <stdio.h>

/* Several requests under way on one connection: HTTP-CONN-05. */

static struct proa_prepared *get;
static struct proa_prepared *head;

static int pipeline_frame(void *body)
{
    ck_ok(proa_prepared_new(&get, "GET", "http://h/", NULL, PROA_STR("")));
    ck_ok(proa_prepared_new(&head, "HEAD", "http://h/", NULL, PROA_STR("")));
    int rc = scripted_frame(body);
    proa_prepared_free(get);
    proa_prepared_free(head);
    return rc;
}

#define PIPELINED(name)                                                                            \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(pipeline_frame, (void *)name##_body);                                                \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)

static void answer(struct wire *w, int status, bool with_body)
{
    char text[100];

    snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\n%s", status,
             with_body ? "abc" : "");
    wire_say(w, text);
}

static int receive(struct wire *w)
{
    struct proa_reply reply;
    int rc = proa_connection_receive(w->c, &reply);

    return rc < 0 ? rc : reply.status;
}

PIPELINED(responses_come_in_the_order_of_the_requests)
{
    struct wire w;

    wire_open(&w, NULL, NULL);
    for (int i = 0; i < 3; i++)
        ck_ok(proa_connection_send(w.c, get));
    for (int i = 0; i < 3; i++)
        answer(&w, 200 + i, true);
    for (int i = 0; i < 3; i++) /* the bodies are skipped */
        ck_assert_int_eq(receive(&w), 200 + i);
    ck_ok(proa_connection_skip(w.c, NULL));
    ck_assert(proa_connection_reusable(w.c));
    wire_close(&w);
}

PIPELINED(each_response_is_read_as_its_request_asks)
{
    struct wire w;

    wire_open(&w, &(struct pair_opts){.ba = {.split = 7}}, NULL);
    ck_ok(proa_connection_send(w.c, head));
    ck_ok(proa_connection_send(w.c, get));
    ck_ok(proa_connection_send(w.c, head));
    answer(&w, 200, false);
    answer(&w, 201, true);
    answer(&w, 202, false);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(receive(&w), 200 + i);
    ck_assert(proa_connection_reusable(w.c));
    wire_close(&w);
}

PIPELINED(many_copies_are_sent_as_one)
{
    struct wire w;
    static char heard[1 << 16];
    size_t n = 100 * proa_prepared_size(get);

    wire_open(&w, NULL, NULL);
    ck_ok(proa_connection_send_n(w.c, get, 100));
    ck_assert_uint_lt(n, sizeof heard);
    ck_ok(proa_read_exact(w.server, heard, n, NULL));
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(memcmp(heard + i * get->n, get->bytes, get->n), 0);
    wire_close(&w);
}

PIPELINED(a_thousand_and_twenty_four_requests_may_be_under_way)
{
    struct wire w;
    char one;

    for (size_t before = 0; before < 2; before++) {
        wire_open(&w, &(struct pair_opts){.ab = {.capacity = 1 << 18}}, NULL);
        if (before)
            ck_ok(proa_connection_send(w.c, get));
        ck_err(proa_connection_send_n(w.c, get, 1025 - before), PROA_EINVAL);
        if (!before)
            ck_assert_int_eq(proa__stream_try_read(w.server, &one, 1), PROA_EAGAIN);
        ck_ok(proa_connection_send_n(w.c, get, 1024 - before)); /* the connection is as it was */
        ck_err(proa_connection_send(w.c, get), PROA_EINVAL);
        answer(&w, 200, true);
        ck_assert_int_eq(receive(&w), 200);
        ck_ok(proa_connection_send(w.c, get));
        wire_close(&w);
    }
}

PIPELINED(a_server_that_leaves_in_the_middle_is_told_at_its_response)
{
    struct wire w;

    wire_open(&w, NULL, NULL);
    ck_ok(proa_connection_send_n(w.c, get, 3));
    answer(&w, 200, true);
    wire_end(&w);
    ck_assert_int_eq(receive(&w), 200);
    ck_err(receive(&w), PROA_EEOF);
    ck_err(receive(&w), PROA_ECLOSED);
    wire_close(&w);
}

PIPELINED(a_response_beyond_the_requests_makes_the_connection_unusable)
{
    struct wire w;

    wire_open(&w, NULL, NULL);
    ck_ok(proa_connection_send(w.c, get));
    answer(&w, 200, true);
    answer(&w, 201, true);
    ck_assert_int_eq(receive(&w), 200);
    ck_ok(proa_connection_skip(w.c, NULL));
    ck_err(receive(&w), PROA_EINVAL);
    ck_assert(!proa_connection_reusable(w.c));
    wire_close(&w);
}

/* Random sends and receives against a queue of what is due; seeded, so always the same. */
PIPELINED(what_is_under_way_is_a_queue)
{
    struct t_random random = {7};
    struct wire w;
    int due[64];
    size_t n = 0;
    int number = 0;

    wire_open(&w, &(struct pair_opts){.ba = {.split = 31}}, NULL);
    for (int i = 0; i < 3000; i++) {
        if (n < 40 && t_random_below(&random, 2)) {
            bool is_head = t_random_below(&random, 3) == 0;
            ck_ok(proa_connection_send(w.c, is_head ? head : get));
            number = (number + 1) % 100;
            answer(&w, 200 + number == 204 ? 205 : 200 + number, !is_head);
            due[n++] = 200 + number;
            proa__stream_consume(w.server, 0);
            char sink[512];
            while (proa__stream_try_read(w.server, sink, sizeof sink) > 0)
                ;
        } else if (n) {
            int status = receive(&w);
            ck_assert_int_eq(status, due[0] == 204 ? 205 : due[0]);
            memmove(due, due + 1, --n * sizeof due[0]);
        }
    }
    wire_close(&w);
}

int main(void)
{
    return t_main("pipeline",
                  (const TTest *const[]){
                      responses_come_in_the_order_of_the_requests,
                      each_response_is_read_as_its_request_asks, many_copies_are_sent_as_one,
                      a_thousand_and_twenty_four_requests_may_be_under_way,
                      a_server_that_leaves_in_the_middle_is_told_at_its_response,
                      a_response_beyond_the_requests_makes_the_connection_unusable,
                      what_is_under_way_is_a_queue, NULL});
}
