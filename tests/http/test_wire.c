/*
 * Each case of the files wire/NAME.case runs whole, byte by byte, cut at random, and with a reader
 * that takes three body bytes at a time.
 */

#include "http/transcript.h"
#include "http/wire.h"
#include "support/test.h"

enum { OUTPUT_MAX = 1 << 20 };

static void check_case(const struct wire_case *c, enum cut cut, uint64_t seed, const char *how)
{
    struct transcript_opts opts = {
        .asked = {.head = c->to_head, .connect = c->to_connect, .upgrade = c->to_upgrade},
        .response = c->response,
        .eof = c->eof,
        .fields = c->fields,
        .cut = cut,
        .seed = seed,
    };
    struct proa_buf out;

    proa_buf_init(&out, OUTPUT_MAX);
    transcript(&out, c->in, c->in_n, &opts);
    struct proa_str got = proa_buf_str(&out);
    struct proa_str want = {c->out, c->out_n};
    if (!proa_str_eq(got, want))
        ck_abort_msg("%s:%d: %s (%s)\nwanted:\n%.*sgot:\n%.*s", c->file, c->line, c->name, how,
                     PROA_PRI(want), PROA_PRI(got));
    proa_buf_fini(&out);
}

START_TEST(wire_case)
{
    const struct wire_case *c = &wire_cases[_i];

    check_case(c, CUT_WHOLE, 0, "whole");
    check_case(c, CUT_BYTES, 0, "byte by byte");
    check_case(c, CUT_SMALL_ROOM, 0, "three body bytes at a time");
    for (uint64_t seed = 1; seed <= 20; seed++)
        check_case(c, CUT_RANDOM, seed, "cut at random");
}
END_TEST

int main(void)
{
    wire_read();
    return t_main_tables("wire", (const TTest *const[]){NULL},
                         (const struct t_table[]){{wire_case, wire_n_cases}, {NULL, 0}});
}
