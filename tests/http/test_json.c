#include "support/t_run.h"

#include <proa/json.h>
#include <proa/loop.h>

#include <jansson.h>

#include <string.h>

static const char *const good[] = {
    "{}",
    "[]",
    " \r\n\t[1,2.5,-0,1e3,\"x\",true,false,null] ",
    "{\"a\":{\"b\":[{}]}}",
    "[\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\xc3\xa9\"]",
    "{\"a\":1,\"a\":2}",
    "[\"[[[[[[[[\\\"[[[[[[[[\"]",
};

START_TEST(good_text)
{
    json_t *value = NULL;

    ck_ok(proa_json_parse(&value, t_unreadable_str(good[_i]), NULL));
    ck_assert_ptr_nonnull(value);
    json_decref(value);
}
END_TEST

static const char *const bad[] = {
    "",
    " ",
    "{",
    "[1,]",
    "[1 2]",
    "{\"a\"}",
    "{a:1}",
    "[01]",
    "[+1]",
    "[.5]",
    "[1.]",
    "[nan]",
    "[1]x",
    "[1][2]",
    "['a']",
    "[\"\n\"]",
    "[\"\\x41\"]",
    "[\"\xff\"]",
    "[\"\xc0\xaf\"]",
    "[\"\\ud800\"]",
    "[\"\\u0000\"]",
    "\xef\xbb\xbf[]",
    "//c\n[]",
    "[1e999]",
    "1",
    "\"x\"",
    "null",
    "]",
    "[\"",
};

START_TEST(bad_text)
{
    json_t *value = (json_t *)&value;

    ck_err(proa_json_parse(&value, t_unreadable_str(bad[_i]), NULL), PROA_EJSON);
    ck_assert_ptr_eq(value, (json_t *)&value);
}
END_TEST

START_TEST(words_say_where)
{
    json_t *value;

    ck_err(proa_json_parse(&value, PROA_STR("[1,\n 2,\n x\x01]"), NULL), PROA_EJSON);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EJSON), "line 3"));
    ck_assert_ptr_null(strchr(proa_err_detail(PROA_EJSON), '\x01'));
}
END_TEST

START_TEST(single_values_are_asked_for)
{
    json_t *value;

    ck_ok(proa_json_parse(&value, PROA_STR(" 42 "), PROA_JSON_OPTS(.any_value = true)));
    ck_assert_int_eq(json_integer_value(value), 42);
    json_decref(value);
}
END_TEST

START_TEST(duplicates_may_be_refused)
{
    json_t *value;

    ck_err(proa_json_parse(&value, PROA_STR("{\"a\":1,\"a\":2}"),
                           PROA_JSON_OPTS(.reject_duplicates = true)),
           PROA_EJSON);
    ck_ok(proa_json_parse(&value, PROA_STR("{\"a\":1,\"a\":2}"), NULL));
    ck_assert_int_eq(json_integer_value(json_object_get(value, "a")), 2);
    json_decref(value);
}
END_TEST

/* n arrays inside each other. */
static struct proa_str nested(size_t n)
{
    static char text[10000];

    memset(text, '[', n);
    memset(text + n, ']', n);
    return proa_str_make(text, 2 * n);
}

START_TEST(depth_is_bounded)
{
    json_t *value;
    struct proa_buf b;

    ck_ok(proa_json_parse(&value, nested(64), NULL));
    proa_buf_init(&b, 1000);
    ck_ok(proa_json_dump(&b, value, NULL));
    ck_assert(proa_str_eq(proa_buf_str(&b), nested(64)));
    ck_err(proa_json_dump(&b, value, PROA_JSON_OPTS(.max_depth = 63)), PROA_EMSGSIZE);
    ck_assert_uint_eq(b.n, 128);
    ck_ok(proa_json_dump(&b, value, PROA_JSON_OPTS(.max_depth = 64)));
    proa_buf_fini(&b);
    json_decref(value);

    ck_err(proa_json_parse(&value, nested(65), NULL), PROA_EMSGSIZE);
    ck_ok(proa_json_parse(&value, nested(3), PROA_JSON_OPTS(.max_depth = 3)));
    json_decref(value);
    ck_err(proa_json_parse(&value, nested(4), PROA_JSON_OPTS(.max_depth = 3)), PROA_EMSGSIZE);
    ck_err(proa_json_parse(&value, PROA_STR("[{\"a\":[{}]}]"), PROA_JSON_OPTS(.max_depth = 3)),
           PROA_EMSGSIZE);
}
END_TEST

/* A bracket in a string is none, whatever stands before it. */
START_TEST(only_brackets_outside_of_strings_count)
{
    json_t *value;

    ck_ok(proa_json_parse(&value, PROA_STR("[\"\\\"[[\"]"), PROA_JSON_OPTS(.max_depth = 1)));
    json_decref(value);
    ck_err(proa_json_parse(&value, PROA_STR("[\"\\\\\",[1]]"), PROA_JSON_OPTS(.max_depth = 1)),
           PROA_EMSGSIZE);
}
END_TEST

START_TEST(size_is_bounded)
{
    json_t *value;

    ck_ok(proa_json_parse(&value, PROA_STR("[1234]"), PROA_JSON_OPTS(.max_bytes = 6)));
    json_decref(value);
    ck_err(proa_json_parse(&value, PROA_STR("[1234]"), PROA_JSON_OPTS(.max_bytes = 5)),
           PROA_EMSGSIZE);
}
END_TEST

START_TEST(values_are_dumped)
{
    json_t *value = json_pack("{s:i,s:[s,f,b,n]}", "b", 1, "a", "x/\"\n", 2.5, 1);
    struct proa_buf b;

    proa_buf_init(&b, 1000);
    ck_ok(proa_json_dump(&b, value, PROA_JSON_OPTS(.sort_keys = true)));
    ck_str_eq(proa_buf_str(&b), "{\"a\":[\"x/\\\"\\n\",2.5,true,null],\"b\":1}");
    proa_buf_clear(&b);
    ck_ok(proa_json_dump(&b, value, PROA_JSON_OPTS(.sort_keys = true, .indent = true)));
    ck_assert_ptr_nonnull(strstr(b.p, "\n    true,\n"));
    json_decref(value);

    value = json_string("bare");
    proa_buf_clear(&b);
    ck_ok(proa_json_dump(&b, value, NULL));
    ck_str_eq(proa_buf_str(&b), "\"bare\"");
    json_decref(value);
    proa_buf_fini(&b);
}
END_TEST

START_TEST(a_failed_dump_leaves_the_buffer_as_it_was)
{
    json_t *value = json_pack("[s]", "a long text that does not fit");
    json_t *loop = json_pack("[[]]");
    struct proa_buf b;

    json_array_append(json_array_get(loop, 0), loop);
    proa_buf_init(&b, 20);
    proa_buf_append_str(&b, PROA_STR("before "));
    ck_err(proa_json_dump(&b, loop, NULL), PROA_EJSON);
    ck_str_eq(proa_buf_str(&b), "before ");
    ck_err(proa_json_dump(&b, NULL, NULL), PROA_EJSON);

    ck_err(proa_json_dump(&b, value, NULL), PROA_EMSGSIZE);
    ck_str_eq(proa_buf_str(&b), "before ");
    ck_err(proa_buf_error(&b), PROA_EMSGSIZE);
    ck_err(proa_json_dump(&b, value, NULL), PROA_EMSGSIZE);
    proa_buf_fini(&b);
    json_array_clear(json_array_get(loop, 0));
    json_decref(loop);
    json_decref(value);
}
END_TEST

static int there_and_back(void *arg)
{
    struct proa_str text = PROA_STR("{\"a\":[1,2.5,\"x\",{\"b\":null}],\"c\":\"\\u00e9\"}");
    json_t *value = NULL;
    struct proa_buf b;

    (void)arg;
    proa_buf_init(&b, 1000);
    int rc = proa_json_parse(&value, text, NULL);
    if (rc == 0)
        rc = proa_json_dump(&b, value, PROA_JSON_OPTS(.sort_keys = true));
    if (rc == 0)
        ck_str_eq(proa_buf_str(&b), "{\"a\":[1,2.5,\"x\",{\"b\":null}],\"c\":\"\xc3\xa9\"}");
    proa_buf_fini(&b);
    json_decref(value);
    return rc;
}

START_TEST(each_allocation_may_fail)
{
    proa_json_use_mem();
    ck_ok(there_and_back(NULL));
    t_each_alloc(there_and_back, NULL);
}
END_TEST

static int decref(void *value)
{
    json_decref(value);
    return 0;
}

/* Writing a value takes 300 bytes of stack a level: this one would go twice through a task's stack.
 */
static int deep_in_a_task_body(void *arg)
{
    json_t *value = NULL;
    struct proa_buf b;

    (void)arg;
    proa_buf_init(&b, 10000);
    ck_ok(proa_json_parse(&value, nested(1000), PROA_JSON_OPTS(.max_depth = 1000)));
    ck_ok(proa_json_dump(&b, value, PROA_JSON_OPTS(.max_depth = 1000)));
    ck_assert(proa_str_eq(proa_buf_str(&b), nested(1000)));
    proa_buf_fini(&b);
    return proa_call_on_big_stack(decref, value);
}

START_TEST(deep_texts_do_not_need_a_deep_task)
{
    t_run(deep_in_a_task_body, NULL);
}
END_TEST

/* The default depth may be taken apart on a task's own stack. */
static int default_in_a_task_body(void *arg)
{
    json_t *value = NULL;

    (void)arg;
    ck_ok(proa_json_parse(&value, nested(64), NULL));
    json_decref(value);
    return 0;
}

START_TEST(the_default_depth_is_freed_by_a_task)
{
    t_run(default_in_a_task_body, NULL);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "json",
        (const TTest *const[]){
            words_say_where, single_values_are_asked_for, duplicates_may_be_refused,
            depth_is_bounded, size_is_bounded, only_brackets_outside_of_strings_count,
            values_are_dumped, a_failed_dump_leaves_the_buffer_as_it_was, each_allocation_may_fail,
            deep_texts_do_not_need_a_deep_task, the_default_depth_is_freed_by_a_task, NULL},
        (const struct t_table[]){{good_text, sizeof good / sizeof good[0]},
                                 {bad_text, sizeof bad / sizeof bad[0]},
                                 {NULL, 0}});
}
