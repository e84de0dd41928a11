#include "client/session.h"
#include "http/coding.h"
#include "scripted.h"

#include <proa/json.h>
#include <proa/scope.h>

#include <stdio.h>

/* Responses that came compressed, and JSON. */

static char wire[1 << 20];
static size_t packed_n; /* of the newest body, whole */

/* `text` gzipped, `n` bytes of it kept, behind a head. */
static struct scene zipped(struct proa_str text, const char *coding, size_t keep)
{
    struct encoder *encoder = NULL;
    static char packed[1 << 19];
    size_t n = 0, more;

    ck_ok(proa__encoder_new(&encoder, 0));
    while (proa__encoder_run(encoder, &text, ENCODER_END, packed + n, sizeof packed - n, &more) ==
           0)
        n += more;
    n += more;
    proa__encoder_free(encoder);
    packed_n = n;
    if (keep < n)
        n = keep;
    int head = snprintf(wire, sizeof wire,
                        "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Type: "
                        "application/json\r\nContent-Length: %zu\r\n\r\n",
                        coding, n);
    memcpy(wire + head, packed, n);
    return (struct scene){.says = wire, .n = (size_t)head + n};
}

static const struct got *fetch_zipped(const char *coding, size_t keep)
{
    struct scene scene = zipped(PROA_STR("hello, hello, hello, hello"), coding, keep);

    play(&scene, 1);
    return FETCH("http://h/");
}

SCRIPTED(a_compressed_body_is_unpacked)
{
    OPEN_SESSION(0);
    for (size_t split = 0; split < 4; split++) {
        peer.network = (struct pair_opts){.ba = {.split = split}};
        ck_got(fetch_zipped("gzip", SIZE_MAX), 200, "hello, hello, hello, hello");
        ck_got(fetch_zipped("X-GZip", SIZE_MAX), 200, "hello, hello, hello, hello");
        ck_got(fetch_zipped("identity, gzip", SIZE_MAX), 200, "hello, hello, hello, hello");
    }
    ck_assert_ptr_nonnull(strstr(peer.heard[0].head, "Accept-Encoding: gzip, deflate\r\n"));
    ck_assert_int_eq(peer.opened, 1);
}

SCRIPTED(a_compressed_body_cut_at_any_byte_is_an_error)
{
    OPEN_SESSION(0);
    packed_n = 2;
    for (size_t keep = 1; keep < packed_n; keep++) {
        const struct got *got = fetch_zipped("gzip", keep);
        ck_ok(got->rc);
        ck_err(got->body_rc, PROA_ECODING);
    }
}

/* What was unpacked before the error is handed out. */
SCRIPTED(what_was_unpacked_before_an_error_is_kept)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};
    static char text[100000];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 13 % 26);
    struct scene scene = zipped(proa_str_make(text, sizeof text), "gzip", SIZE_MAX);
    wire[scene.n - 5] ^= 1; /* in the checksum */
    OPEN_SESSION(0);
    play(&scene, 1);
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_err(proa_client_response_read(resp, &body), PROA_ECODING);
    ck_assert_uint_eq(body.n, sizeof text);
    ck_assert_int_eq(memcmp(body.p, text, sizeof text), 0);
    ck_err(proa_client_response_read(resp, &body), PROA_ECODING);
}

/* The rest is not waited for: the place is free at once. */
SCRIPTED(a_spoiled_body_closes_its_connection)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};

    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"
                  "this is no gzip at all",
          .end = SCENE_SILENT});
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_assert_uint_eq(session->pool.open, 1);
    ck_err(proa_client_response_read(resp, &body), PROA_ECODING);
    ck_assert_uint_eq(session->pool.open, 0);
}

/* A thousand to one after the first mebibyte. */
SCRIPTED(a_bomb_is_an_error)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};
    static char zeros[20 << 20];
    struct scene scene = zipped(proa_str_make(zeros, sizeof zeros), "gzip", SIZE_MAX);

    OPEN_SESSION(0);
    play(&scene, 1);
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_err(proa_client_response_read(resp, &body), PROA_EHTTPBODYSIZE);
    ck_assert_uint_le(body.n, sizeof zeros);
}

/* The limit is on what comes out. */
SCRIPTED(a_limit_counts_what_was_unpacked)
{
    for (size_t limit = 25; limit <= 26; limit++) {
        PROA_AUTO(proa_client_response) *resp = NULL;
        PROA_AUTO(proa_buf) body = {0};
        struct scene scene = zipped(PROA_STR("hello, hello, hello, hello"), "gzip", SIZE_MAX);
        OPEN_SESSION(.max_body = limit);
        play(&scene, 1);
        proa_buf_init(&body, PROA_UNLIMITED);
        ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
        ck_err(proa_client_response_read(resp, &body), limit < 26 ? PROA_EMSGSIZE : 0);
        ck_assert_uint_eq(body.n, limit);
        proa_session_free(session);
        session = NULL;
    }
}

/* Its head can be read, its body not. */
SCRIPTED(a_coding_that_is_not_known_spoils_the_body_alone)
{
    OPEN_SESSION(0);
    const struct got *got = fetch_zipped("br", SIZE_MAX);
    ck_ok(got->rc);
    ck_assert_int_eq(got->status, 200);
    ck_err(got->body_rc, PROA_EHTTPCODING);
    got = fetch_zipped("gzip, gzip, gzip", SIZE_MAX);
    ck_err(got->body_rc, PROA_EHTTPCODING);
}

SCRIPTED(nothing_is_unpacked_where_that_is_switched_off)
{
    struct scene scene = zipped(PROA_STR("hello, hello, hello, hello"), "gzip", SIZE_MAX);

    OPEN_SESSION(.no_decode = true);
    play(&scene, 1);
    const struct got *got = FETCH("http://h/");
    ck_ok(got->body_rc);
    ck_assert_int_eq(got->body[0], 0x1f);
    ck_assert_ptr_null(strstr(peer.heard[0].head, "Accept-Encoding"));
}

/* A43-like: there is nothing to unpack in what has no body. */
SCRIPTED(a_coding_without_a_body_is_nothing)
{
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"},
         {.says = "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"},
         {.says = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"},
         {.says = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n0\r\n\r\n"},
         {.says = "HTTP/1.1 200 OK\r\nContent-Encoding:\r\nContent-Length: 2\r\n\r\nok"});
    ck_got(FETCH("http://h/"), 200, "");
    ck_got(FETCH("http://h/"), 204, "");
    ck_got(fetch("HEAD", "http://h/", NULL), 200, "");
    ck_got(FETCH("http://h/"), 200, "");
    ck_got(FETCH("http://h/"), 200, "ok");
    ck_assert_int_eq(peer.opened, 1);
}

SCRIPTED(a_response_says_how_much_came_before_unpacking)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) body = {0};
    struct scene scene = zipped(PROA_STR("hello, hello, hello, hello"), "gzip", SIZE_MAX);

    OPEN_SESSION(0);
    play(&scene, 1);
    proa_buf_init(&body, PROA_UNLIMITED);
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    ck_ok(proa_client_response_read(resp, &body));
    ck_assert_int_eq(proa_client_response_length(resp),
                     (int64_t)proa_client_response_received(resp));
    ck_assert_uint_lt(proa_client_response_received(resp), body.n + 10);
}

/* ---- JSON */

static int fetch_json(const char *says, char *ret_text)
{
    PROA_AUTO(proa_client_response) *resp = NULL;
    PROA_AUTO(proa_buf) text = {0};
    struct json_t *value = NULL;

    PLAY({.says = says});
    ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
    int rc = proa_client_response_json(resp, &value);
    proa_buf_init(&text, 100);
    if (rc == 0) {
        ck_ok(proa_json_dump(&text, value, PROA_JSON_OPTS(.any_value = true)));
        strcpy(ret_text, proa_buf_str(&text).p);
        proa_json_free(value);
    }
    return rc;
}

#define JSON(type, body)                                                                           \
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " type "\r\n\r\n" body

SCRIPTED(a_body_of_json_is_parsed)
{
    char text[100];

    OPEN_SESSION(0);
    static const char *const good[] = {JSON("application/json", "{\"a\": [1, true]}"),
                                       JSON("application/problem+json; charset=utf-8", "[1]"),
                                       JSON("Application/JSON", "3")};
    static const char *const values[] = {"{\"a\":[1,true]}", "[1]", "3"};
    for (int i = 0; i < 3; i++) {
        struct scene scene = {.says = good[i], .end = SCENE_FIN};
        PROA_AUTO(proa_client_response) *resp = NULL;
        PROA_AUTO(proa_buf) out = {0};
        struct json_t *value = NULL;
        play(&scene, 1);
        ck_ok(proa_session_get(session, &resp, "http://h/", NULL));
        ck_ok(proa_client_response_json(resp, &value));
        proa_buf_init(&out, 100);
        ck_ok(proa_json_dump(&out, value, PROA_JSON_OPTS(.any_value = true)));
        ck_str_eq(proa_buf_str(&out), values[i]);
        proa_json_free(value);
    }
    ck_err(fetch_json("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
                      text),
           PROA_EMEDIATYPE);
    ck_err(fetch_json("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", text), PROA_EMEDIATYPE);
    ck_err(fetch_json("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                      "2\r\n\r\n{,",
                      text),
           PROA_EJSON);
    ck_err(fetch_json("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                      "0\r\n\r\n",
                      text),
           PROA_EJSON);
}

SCRIPTED(a_value_is_sent_as_json)
{
    struct json_t *value = NULL;

    ck_ok(proa_json_parse(&value, PROA_STR("{\"a\": [1, null]}"), NULL));
    OPEN_SESSION(0);
    PLAY({.says = "HTTP/1.1 307 Again\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
         {.says = "HTTP/1.1 204 No Content\r\n\r\n"});
    ck_got(fetch("PUT", "http://h/", PROA_FETCH_OPTS(.json = value)), 204, "");
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(strstr(peer.heard[i].head, "Content-Type: application/json\r\n"));
        ck_assert_uint_eq(peer.heard[i].body_n, 14);
        ck_assert_int_eq(memcmp(peer.heard[i].body, "{\"a\":[1,null]}", 14), 0);
    }
    proa_json_free(value);
}

int main(void)
{
    return t_main("decode",
                  (const TTest *const[]){
                      a_compressed_body_is_unpacked, a_compressed_body_cut_at_any_byte_is_an_error,
                      what_was_unpacked_before_an_error_is_kept, a_bomb_is_an_error,
                      a_spoiled_body_closes_its_connection, a_limit_counts_what_was_unpacked,
                      a_coding_that_is_not_known_spoils_the_body_alone,
                      nothing_is_unpacked_where_that_is_switched_off,
                      a_coding_without_a_body_is_nothing,
                      a_response_says_how_much_came_before_unpacking, a_body_of_json_is_parsed,
                      a_value_is_sent_as_json, NULL});
}
