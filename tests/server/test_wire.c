/*
 * The requests of tests/http/wire/NAME.case (see tests/http/wire.h), each said to a whole server
 * over a memory pair: whole, byte by byte, in pieces of odd sizes, and cut at random with a client
 * that takes the answers in bits. Each message that the case ends is answered once; one that is
 * refused gets the status that the case names, and is the last: the server closes by itself, at
 * once, and bytes behind it serve nothing.
 *
 * $PROA_TEST_SEEDS: how many random cuts of each case; $PROA_WIRE_SEED: this one alone.
 */

#include "http/wire.h"
#include "served.h"
#include "support/t_peer.h"

#include <proa/time.h>

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 20,       /* cases of a test, which has one server */
    CUT_MOST = 16384, /* bytes of a case that is cut */
    SEEDS = 5,
};

struct expected {
    int answers;
    int status; /* of the last one, which is refused; 0: none is */
};

static struct expected expected_of(const struct wire_case *c)
{
    struct expected want = {0};
    const char *next;

    for (const char *line = c->out; *line; line = next + 1) {
        next = strchr(line, '\n');
        if (strncmp(line, "end\n", 4) == 0)
            want.answers++;
        if (strncmp(line, "fail ", 5) == 0 && strncmp(line + 5, "PROA_EHTTPSHORT", 15) != 0) {
            want.status = atoi(next - 3);
            want.answers++;
        }
    }
    return want;
}

static int reads(struct proa_request *req, struct proa_response *resp, void *arg)
{
    struct proa_str body;
    int rc = proa_request_read_body(req, &body);

    (void)arg;
    return rc < 0 ? rc : proa_response_text(resp, 200, "served");
}

/* How many final responses there are, and the status of the last. */
static int finals(const char *text, int *ret_last)
{
    int n = 0;

    for (*ret_last = 0; (text = strstr(text, "HTTP/1.1 ")); text += 9) {
        if (atoi(text + 9) < 200)
            continue;
        *ret_last = atoi(text + 9);
        n++;
    }
    return n;
}

/* ---- saying it */

/* A server that has heard enough closes: what it does not take is no failure. */
static bool offer(struct proa_stream *s, const char *bytes, size_t n)
{
    size_t done;

    return proa_write(s, bytes, n, &done) == 0;
}

static void say_at_random(struct proa_stream *s, const struct wire_case *c, struct t_random *r)
{
    for (size_t at = 0, n; at < c->in_n; at += n) {
        n = 1 + t_random_below(r, t_random_below(r, 4) ? 40 : c->in_n);
        n = n < c->in_n - at ? n : c->in_n - at;
        if (!offer(s, c->in + at, n))
            return;
        if (t_random_below(r, 8))
            t_turns(1 + (int)t_random_below(r, 2));
    }
}

struct cut {
    size_t split;
    uint64_t seed; /* 0: not at random */
};

static struct pair_opts network_of(const struct cut *cut, struct t_random *r)
{
    struct pair_opts network = {.ab.split = cut->split};

    if (!cut->seed)
        return network;
    if (t_random_below(r, 2))
        network.ba.capacity = 1 + t_random_below(r, 64);
    if (t_random_below(r, 2))
        network.ba.split = 1 + t_random_below(r, 200);
    return network;
}

static void check_case(struct proa_server *server, const struct wire_case *c, struct cut cut)
{
    struct expected want = expected_of(c);
    struct t_random r = {.state = cut.seed};
    struct pair_opts network = network_of(&cut, &r);
    struct proa_stream *s = served_connect(server, &network);
    int64_t began = proa_now();
    int last;

    if (cut.seed)
        say_at_random(s, c, &r);
    else
        offer(s, c->in, c->in_n);
    if (!want.status) /* else it is the server that ends the connection */
        proa_shutdown(s);
    const char *text = hear_all(s);
    int n = finals(text, &last);
    ck_assert_msg(n == want.answers,
                  "%s:%d: %s (pieces of %zu, seed %llu): %d answers, not %d:\n%s", c->file, c->line,
                  c->name, cut.split, (unsigned long long)cut.seed, n, want.answers, text);
    ck_assert_msg(!want.status || last == want.status,
                  "%s:%d: %s (pieces of %zu, seed %llu): %d, not %d", c->file, c->line, c->name,
                  cut.split, (unsigned long long)cut.seed, last, want.status);
    ck_assert_msg(proa_now() == began, "%s:%d: %s (pieces of %zu, seed %llu): not ended at once",
                  c->file, c->line, c->name, cut.split, (unsigned long long)cut.seed);
    proa_abort(s);
}

static void check_seeds(struct proa_server *server, const struct wire_case *c)
{
    const char *one = getenv("PROA_WIRE_SEED");
    const char *many = getenv("PROA_TEST_SEEDS");
    uint64_t from = one ? strtoull(one, NULL, 10) : 1;
    uint64_t n = one ? from : many ? strtoull(many, NULL, 10) : SEEDS;

    for (uint64_t seed = from; seed <= n; seed++)
        check_case(server, c, (struct cut){.seed = seed});
}

static void check_cuts(struct proa_server *server, const struct wire_case *c)
{
    static const size_t pieces[] = {1, 2, 3, 7, 13, 37};

    check_case(server, c, (struct cut){0});
    if (c->in_n > CUT_MOST)
        return;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        check_case(server, c, (struct cut){.split = pieces[i]});
    check_seeds(server, c);
}

static int block_body(void *arg)
{
    int first = *(int *)arg * BLOCK;
    struct proa_app *app = NULL;

    ck_ok(proa_app_new(&app, NULL));
    proa_app_route(app, "*", "/{rest...}", reads, NULL, NULL);
    struct proa_server *server = served_start(app, NULL);
    for (int i = first; i < first + BLOCK && i < wire_n_cases; i++)
        if (!wire_cases[i].response)
            check_cuts(server, &wire_cases[i]);
    served_end(server, app);
    return 0;
}

START_TEST(a_block_of_wire_cases)
{
    t_run(block_body, &_i);
}
END_TEST

int main(void)
{
    wire_read();
    return t_main_tables(
        "wire", (const TTest *const[]){NULL},
        (const struct t_table[]){{a_block_of_wire_cases, (wire_n_cases + BLOCK - 1) / BLOCK},
                                 {NULL, 0}});
}
