#include "base/fail.h"
#include "support/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct row {
    int number;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
#define ROW(code, number, sentence) {number, #code, sentence},
    PROA_ERR_MAP(ROW)
#undef ROW
};

enum { ROWS = sizeof rows / sizeof *rows };

START_TEST(system_codes_are_minus_errno)
{
    ck_assert_int_eq(PROA_ECONNREFUSED, -ECONNREFUSED);
    ck_assert_int_eq(PROA_EAGAIN, -EAGAIN);
    ck_assert_int_eq(PROA_ECONNTIMEDOUT, -ETIMEDOUT);
    ck_assert_int_ne(PROA_ETIMEDOUT, -ETIMEDOUT);
    ck_assert_int_ne(PROA_ECANCELED, -ECANCELED);
}
END_TEST

/* Two codes with one number would not compile: the switch in err.c has a case for each. */
START_TEST(each_code_has_its_name_and_sentence)
{
    const struct row *row = &rows[_i];

    ck_assert_str_eq(proa_err_name(row->number), row->name);
    ck_assert_str_eq(proa_err_text(row->number), row->text);
    ck_assert(strncmp(row->name, "PROA_E", 6) == 0);
    ck_assert_uint_gt(strlen(row->text), 2);
    ck_assert_msg(row->text[strlen(row->text) - 1] != '.', "%s ends with a full stop", row->name);
    ck_assert_msg(strlen(row->text) < sizeof(((struct err_slot *)0)->text), "%s", row->name);
}
END_TEST

static bool in_block(int number, int first)
{
    return number <= first && number > first - 100;
}

START_TEST(codes_stand_in_the_block_of_their_floor)
{
#define IN_SYSTEM(code, number, sentence) ck_assert((number) < 0 && (number) > -4096);
#define IN_BASE(code, number, sentence) ck_assert(in_block(number, -10000));
#define IN_CORE(code, number, sentence) ck_assert(in_block(number, -10100));
#define IN_NET(code, number, sentence) ck_assert(in_block(number, -10200));
#define IN_TLS(code, number, sentence) ck_assert(in_block(number, -10300));
#define IN_HTTP(code, number, sentence) ck_assert(in_block(number, -10400));
#define IN_CLIENT(code, number, sentence) ck_assert(in_block(number, -10600));
#define IN_SERVER(code, number, sentence) ck_assert(in_block(number, -10700));
    PROA_ERR_SYSTEM_MAP(IN_SYSTEM)
    PROA_ERR_BASE_MAP(IN_BASE)
    PROA_ERR_CORE_MAP(IN_CORE)
    PROA_ERR_NET_MAP(IN_NET)
    PROA_ERR_TLS_MAP(IN_TLS)
    PROA_ERR_HTTP_MAP(IN_HTTP)
    PROA_ERR_HTTP_READ_MAP(IN_HTTP)
    PROA_ERR_CLIENT_TIMEOUT_MAP(IN_CLIENT)
    PROA_ERR_CLIENT_MAP(IN_CLIENT)
    PROA_ERR_SERVER_MAP(IN_SERVER)
}
END_TEST

START_TEST(unknown_codes_are_answered_too)
{
    ck_assert_str_eq(proa_err_name(0), "PROA_OK");
    ck_assert_str_eq(proa_err_name(17), "PROA_OK");
    ck_assert_str_eq(proa_err_text(0), "no error");
    ck_assert_str_eq(proa_err_name(-19999), "PROA_E?");
    ck_assert_str_eq(proa_err_text(-19999), "unknown error");
    ck_assert_str_eq(proa_err_name(PROA_ERR_PROGRAM), "program error");
    ck_assert_str_eq(proa_err_text(INT32_MIN), "an error of the program's own");
    ck_assert_str_eq(proa_err_name(-ENOTNAM), "PROA_E?"); /* of the system, not in the table */
    ck_assert_str_eq(proa_err_text(-ENOTNAM), strerror(ENOTNAM));
}
END_TEST

START_TEST(timeouts_are_known_whoever_measured)
{
    int n = 0;

    ck_assert(proa_err_is_timeout(PROA_ETIMEDOUT));
    ck_assert(proa_err_is_timeout(PROA_ECONNTIMEDOUT));
    ck_assert(proa_err_is_timeout(PROA_ECONNECTTIMEDOUT));
    ck_assert(!proa_err_is_timeout(PROA_ECANCELED));
    ck_assert(!proa_err_is_timeout(0));
    for (int i = 0; i < ROWS; i++)
        if (strstr(rows[i].name, "TIMEDOUT")) {
            ck_assert_msg(proa_err_is_timeout(rows[i].number), "%s", rows[i].name);
            n++;
        }
    ck_assert_int_ge(n, 3);
}
END_TEST

START_TEST(detail_is_the_last_failures_words)
{
    ck_assert_str_eq(proa_err_detail(PROA_ENOENT), "no such file or directory");
    ck_err(proa__fail(PROA_ENOENT, "open %s", "/x"), PROA_ENOENT);
    ck_assert_str_eq(proa_err_detail(PROA_ENOENT), "open /x");
    ck_assert_str_eq(proa_err_detail(PROA_EACCES), "permission denied");
    ck_assert_str_eq(proa_err_detail(PROA_ENOENT), "open /x"); /* asking changes nothing */
    ck_err(proa__fail(PROA_EACCES, "open %s", "/y"), PROA_EACCES);
    ck_assert_str_eq(proa_err_detail(PROA_ENOENT), "no such file or directory");
    ck_assert_str_eq(proa_err_detail(0), "no error");
}
END_TEST

START_TEST(detail_may_build_on_the_detail_before)
{
    proa__fail(PROA_EIO, "inner");
    proa__fail(PROA_EIO, "outer of %d: %s", 7, proa_err_detail(PROA_EIO));
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "outer of 7: inner");
}
END_TEST

START_TEST(detail_is_cut_at_199_bytes)
{
    char text[400];

    memset(text, 'x', sizeof text);
    for (int n = 198; n <= 201; n++) {
        proa__fail(PROA_EIO, "%.*s", n, text);
        ck_assert_uint_eq(strlen(proa_err_detail(PROA_EIO)), n < 199 ? n : 199);
    }
}
END_TEST

/* A character of 2, 3 or 4 bytes across the end is left away whole; one that just fits stays. */
START_TEST(detail_is_cut_between_characters)
{
    static const char *const chars[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9b\xb6"};

    for (size_t c = 0; c < 3; c++)
        for (size_t ahead = 190; ahead < 199; ahead++) {
            size_t size = strlen(chars[c]);
            proa__fail(PROA_EIO, "%*s%s%s%s%s%s%s", (int)ahead, "", chars[c], chars[c], chars[c],
                       chars[c], chars[c], chars[c]);
            size_t n = strlen(proa_err_detail(PROA_EIO));
            size_t whole = (199 - ahead) / size < 6 ? (199 - ahead) / size : 6;
            ck_assert_uint_eq(n, ahead + whole * size);
        }
}
END_TEST

START_TEST(detail_of_stray_bytes_is_cut_anywhere)
{
    char text[250];

    memset(text, 0x80, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    proa__fail(PROA_EIO, "%s", text);
    ck_assert_uint_eq(strlen(proa_err_detail(PROA_EIO)), 199);
}
END_TEST

START_TEST(detail_has_no_control_bytes)
{
    proa__fail(PROA_EIO, "a\r\nb\x1b[2J\x7f\t%c", 1);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "a??b?[2J???");
}
END_TEST

static void fail_without_a_code(void *arg)
{
    (void)arg;
    proa_fail(0, "nothing");
}
START_TEST(programs_fail_with_words_too)
{
    ck_err(proa_fail(PROA_ERR_PROGRAM - 3, "%s: no such colour", "blau"), -20003);
    ck_assert_str_eq(proa_err_detail(-20003), "blau: no such colour");
    ck_err(proa_fail(-20003, "line 7: %s", proa_err_detail(-20003)), -20003);
    ck_assert_str_eq(proa_err_detail(-20003), "line 7: blau: no such colour");
    t_aborts(fail_without_a_code, NULL, "a failure with code 0, which is none");
}
END_TEST

START_TEST(slot_follows_the_task)
{
    struct err_slot a = {0}, b = {0};

    proa__fail(PROA_EIO, "of the thread");
    proa__err_slot = &a;
    ck_assert_ptr_eq(proa__err_slot_now(), &a);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "input/output error");
    proa__fail(PROA_EIO, "of a");
    proa__err_slot = &b;
    proa__fail(PROA_EIO, "of b");
    proa__err_slot = &a;
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "of a");
    proa__err_slot = NULL;
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "of the thread");
}
END_TEST

static void *fail_elsewhere(void *arg)
{
    (void)arg;
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "input/output error");
    proa__fail(PROA_EIO, "there");
    return NULL;
}
START_TEST(threads_fail_apart)
{
    pthread_t thread;

    proa__fail(PROA_EIO, "here");
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_str_eq(proa_err_detail(PROA_EIO), "here");
}
END_TEST

int main(void)
{
    return t_main_tables(
        "err",
        (const TTest *const[]){
            system_codes_are_minus_errno, codes_stand_in_the_block_of_their_floor,
            unknown_codes_are_answered_too, timeouts_are_known_whoever_measured,
            detail_is_the_last_failures_words, detail_may_build_on_the_detail_before,
            detail_is_cut_at_199_bytes, detail_is_cut_between_characters,
            detail_of_stray_bytes_is_cut_anywhere, detail_has_no_control_bytes,
            programs_fail_with_words_too, slot_follows_the_task, threads_fail_apart, NULL},
        (const struct t_table[]){{each_code_has_its_name_and_sentence, ROWS}, {NULL, 0}});
}
