/*
 * llhttp against us: a head on which the two do not agree is refused, and on whole messages, with
 * every byte given to both, they find the same bodies and the same ends.
 */

#include "base/arena.h"
#include "http/parser.h"
#include "http/scan_line.h"
#include "http/second.h"
#include "support/test.h"

#define HTTP_HEAD LLHTTP_HEAD /* the method; ours is an event */
#include <llhttp.h>
#undef HTTP_HEAD

#include <string.h>

enum { TEXT_MAX = 4096, ROUNDS = 60000 };

struct reading {
    bool accepted;
    size_t end; /* of the message */
    char body[TEXT_MAX];
    size_t body_n;
};

/* ---- heads */

/* Our scanner's result on a head that llhttp takes in the same way; the caller spoils it. */
static void scan_head(struct http_scanner *s, struct http_head *head, struct arena *arena,
                      enum http_side side, const char *text)
{
    size_t n;

    memset(arena, 0, sizeof *arena);
    ck_ok(proa__http_scan_begin(s, side, &proa__http_limits_client, arena, head));
    ck_assert_int_eq(proa__http_scan(s, text, strlen(text), &n), 1);
    proa__http_scan_settle(s, text);
    ck_ok(proa__http_second_opinion(s, proa_str_from(text)));
}

START_TEST(disagreement_on_a_request_is_refused)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n\r\n";
    struct proa_str head_text = {text, strlen(text)};
    struct http_scanner s;
    struct http_head head;
    struct arena arena;

    for (int i = 0; i < 5; i++) {
        scan_head(&s, &head, &arena, HTTP_SIDE_REQUEST, text);
        switch (i) {
        case 0:
            s.said = SAID_CHUNKED;
            break;
        case 1:
            s.said = SAID_DOUBTFUL;
            break;
        case 2:
            head.length = 6;
            break;
        case 3:
            head.minor = 0;
            break;
        default:
            head.method_id--;
        }
        ck_err(proa__http_second_opinion(&s, head_text), PROA_EHTTPFRAMING);
        proa__arena_fini(&arena);
    }
}
END_TEST

START_TEST(disagreement_on_a_response_is_refused)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct http_scanner s;
    struct http_head head;
    struct arena arena;

    scan_head(&s, &head, &arena, HTTP_SIDE_RESPONSE, text);
    head.status = 201;
    ck_err(proa__http_second_opinion(&s, proa_str_from(text)), PROA_EHTTPFRAMING);
    proa__arena_fini(&arena);
    scan_head(&s, &head, &arena, HTTP_SIDE_RESPONSE, text);
    s.said = SAID_DOUBTFUL;
    ck_err(proa__http_second_opinion(&s, proa_str_from(text)), PROA_EHTTPFRAMING);
    proa__arena_fini(&arena);
}
END_TEST

/* Had our matching missed a framing field, llhttp would still be shown it, by its length and first
 * letter. */
START_TEST(a_framing_field_that_we_missed_is_found)
{
    static const char ours[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encodinh: chunked\r\n\r\n";
    static const char theirs[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct http_scanner s;
    struct http_head head;
    struct arena arena = {0};
    size_t n;

    ck_ok(proa__http_scan_begin(&s, HTTP_SIDE_REQUEST, &proa__http_limits_server, &arena, &head));
    ck_assert_int_eq(proa__http_scan(&s, ours, strlen(ours), &n), 1);
    proa__http_scan_settle(&s, theirs);
    ck_err(proa__http_second_opinion(&s, proa_str_from(theirs)), PROA_EHTTPFRAMING);
    proa__arena_fini(&arena);
}
END_TEST

/* ---- whole messages */

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;

    memcpy(r->body + r->body_n, at, n);
    r->body_n += n;
    return 0;
}

/* llhttp 8 has to be told which responses have no body. */
static int on_headers(llhttp_t *parser)
{
    return parser->type == HTTP_RESPONSE &&
           (parser->status_code == 204 || parser->status_code == 304);
}

static int on_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* All bytes, headers and bodies, through llhttp as it is. */
static void read_llhttp(struct reading *r, const char *text, size_t n, bool response)
{
    llhttp_settings_t settings;
    llhttp_t parser;

    llhttp_settings_init(&settings);
    settings.on_headers_complete = on_headers;
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    llhttp_init(&parser, response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    memset(r, 0, sizeof *r);
    parser.data = r;
    r->accepted = llhttp_execute(&parser, text, n) == HPE_PAUSED;
    r->end = r->accepted ? (size_t)(llhttp_get_error_pos(&parser) - text) : 0;
}

/* The same through our parser. True: it has chunk extensions, so llhttp 8 may refuse what is legal.
 */
static bool read_ours(struct reading *r, const char *text, size_t n, bool response)
{
    struct arena arena = {0};
    struct http_parser parser = {0};
    struct proa_str body;
    size_t used = 0;
    int rc;

    memset(r, 0, sizeof *r);
    rc = response ? proa__http_parser_begin_response(&parser, &proa__http_limits_client, &arena,
                                                     (struct http_asked){0})
                  : proa__http_parser_begin_request(&parser, &proa__http_limits_server, &arena);
    ck_ok(rc);
    do {
        rc = proa__http_parser_feed(&parser, text + r->end, n - r->end, SIZE_MAX, &used, &body);
        r->end += used;
        if (rc == HTTP_BODY) {
            memcpy(r->body + r->body_n, body.p, body.n);
            r->body_n += body.n;
        }
    } while (rc > HTTP_NEED_MORE && rc != HTTP_END && rc != HTTP_INTERIM);
    r->accepted = rc == HTTP_END;
    bool extended = r->accepted && parser.head->framing == HTTP_FRAMING_CHUNKED &&
                    memchr(text, ';', n) != NULL;
    proa__http_parser_fini(&parser);
    proa__arena_fini(&arena);
    return extended;
}

static const char *const requests[] = {
    "GET /a?b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nX: y\r\n\r\nhello world",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n "
    "world\r\n0\r\n\r\n",
    "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\nConnection: close\r\n\r\n"
    "5;a=b\r\nhello\r\n0\r\nX-T: y\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: Upgrade\r\nUpgrade: "
    "h2c\r\n\r\nabc",
    "DELETE http://a/ HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\nContent-Length: 0\r\n\r\n",
};

static const char *const responses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
    "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
};

/* Pieces that matter to framing: mutations of single bytes would rarely make them. */
static const char *const pieces[] = {
    "\r\n",
    "\r",
    "\n",
    "\r\n\r\n",
    "\r\n ",
    ":",
    " :",
    ": ",
    "\t",
    " ",
    ",",
    ";",
    ";a=\"b\"",
    "0\r\n\r\n",
    "0",
    "5\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Content-Length:",
    "chunked",
    "\0",
    "\x80",
    "Upgrade: x\r\n",
    "Connection: close\r\n",
    "HTTP/1.0",
    "_",
    "+",
    "-",
    "0x",
    "Connection: upgrade, keep-alive\r\n",
};

static size_t mutate(struct t_random *random, char *text, size_t n)
{
    size_t at = t_random_below(random, n);
    const char *piece = pieces[t_random_below(random, sizeof pieces / sizeof pieces[0])];
    size_t k = piece[0] ? strlen(piece) : 1;

    switch (t_random_below(random, 5)) {
    case 0: /* another byte */
        text[at] = (char)t_random_next(random);
        return n;
    case 1: /* a byte less */
        memmove(text + at, text + at + 1, n - at - 1);
        return n - 1;
    case 2: /* a part twice */
        k = t_random_below(random, n - at < 40 ? n - at : 40);
        memmove(text + at + k, text + at, n - at);
        return n + k;
    case 3: /* the case of a letter, a digit */
        text[at] = (char)(text[at] ^ (1 << t_random_below(random, 6)));
        return n;
    default: /* a piece in between */
        memmove(text + at + k, text + at, n - at);
        memcpy(text + at, piece, k);
        return n + k;
    }
}

static void compare(const char *text, size_t n, bool response, size_t *accepted)
{
    static struct reading ours;
    static struct reading theirs;
    bool extended = read_ours(&ours, text, n, response);

    if (!ours.accepted)
        return;
    read_llhttp(&theirs, text, n, response);
    if (extended && !theirs.accepted)
        return;
    *accepted += 1;
    if (!theirs.accepted || theirs.end != ours.end || theirs.body_n != ours.body_n ||
        memcmp(theirs.body, ours.body, ours.body_n) != 0)
        ck_abort_msg("we end at %zu with %zu body bytes, llhttp %s at %zu with %zu:\n%.*s",
                     ours.end, ours.body_n, theirs.accepted ? "ends" : "refuses", theirs.end,
                     theirs.body_n, (int)n, text);
}

START_TEST(mutated_messages_are_framed_alike)
{
    struct t_random random = {20260101};
    static char text[TEXT_MAX];
    size_t accepted = 0;

    for (int i = 0; i < ROUNDS; i++) {
        bool response = i % 3 == 0;
        const char *seed = response
                               ? responses[(size_t)i % (sizeof responses / sizeof responses[0])]
                               : requests[(size_t)i % (sizeof requests / sizeof requests[0])];
        size_t n = strlen(seed);
        memcpy(text, seed, n);
        for (uint64_t m = t_random_below(&random, 4); m > 0 && n > 1; m--)
            n = mutate(&random, text, n);
        compare(text, n, response, &accepted);
    }
    ck_assert_uint_gt(accepted, ROUNDS / 20); /* else this test has looked at nothing */
}
END_TEST

int main(void)
{
    return t_main("second", (const TTest *const[]){
                                disagreement_on_a_request_is_refused,
                                disagreement_on_a_response_is_refused,
                                a_framing_field_that_we_missed_is_found,
                                mutated_messages_are_framed_alike,
                                NULL,
                            });
}
