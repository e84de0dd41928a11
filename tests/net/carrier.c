#include "net/carrier.h"

#include "net/pair.h"
#include "support/test.h"

#include <proa/listener.h>
#include <proa/tcp.h>
#include <proa/unix.h>

#include <string.h>

static void open_tcp(struct proa_stream **writer, struct proa_stream **reader)
{
    struct proa_listener *l;

    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_tcp_connect(writer, "127.0.0.1", proa_listener_port(l), NULL));
    ck_ok(proa_accept(l, reader));
    proa_listener_free(l);
}

void carrier_open(enum carrier on, struct proa_stream **writer, struct proa_stream **reader)
{
    const struct pair_opts bytes = {.ab.split = 1, .ba.split = 1};

    switch (on) {
    case ON_PAIR:
        ck_ok(proa__pair_new(writer, reader, NULL));
        return;
    case ON_BYTES:
        ck_ok(proa__pair_new(writer, reader, &bytes));
        return;
    case ON_UNIX:
        ck_ok(proa_unix_pair(writer, reader));
        return;
    case ON_TCP:
        open_tcp(writer, reader);
        return;
    case ON_PIPE:
        ck_ok(proa_pipe(reader, writer));
        return;
    case CARRIERS:
        break;
    }
    ck_abort_msg("no such carrier");
}

void carrier_say(struct proa_stream *s, const char *text)
{
    ck_ok(proa_write(s, text, strlen(text), NULL));
}

void carrier_expect(struct proa_stream *s, const char *text)
{
    char got[256];
    size_t done = 0;

    ck_ok(proa_read_exact(s, got, strlen(text), &done));
    ck_str_eq(proa_str_make(got, done), text);
}

void carrier_expect_end(struct proa_stream *s)
{
    char c;

    ck_assert_int_eq(proa_read(s, &c, 1), 0);
}
