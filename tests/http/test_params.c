#include "http/headers.h"
#include "support/test.h"

#include <proa/params.h>

#include <stdio.h>

/* A list, and its elements joined by '|'; "!" where it is refused. */
static const struct {
    const char *text;
    const char *elements;
} lists[] = {
    {"", ""},
    {" , ,\t,", ""},
    {"a", "a|"},
    {" a , b,c ", "a|b|c|"},
    {"a b,c", "a b|c|"},
    {"a;q=\"x,y\", b", "a;q=\"x,y\"|b|"},
    {"\"a\\\",b\",c", "\"a\\\",b\"|c|"},
    {"a,\"b", "a|!"},
    {"\"a\\\"", "!"},
    {"\"", "!"},
    {"\"\\", "!"},
};

START_TEST(list)
{
    struct proa_str rest = t_unreadable_str(lists[_i].text);
    struct proa_str element;
    char got[64];
    size_t n = 0;
    int rc;

    while ((rc = proa_list_next(&rest, &element)) > 0)
        n += (size_t)snprintf(got + n, sizeof got - n, "%.*s|", PROA_PRI(element));
    if (rc < 0) {
        ck_assert_int_eq(rc, PROA_EPARAM);
        got[n++] = '!';
    }
    got[n] = '\0';
    ck_assert_str_eq(got, lists[_i].elements);
}
END_TEST

/* A value, its head, and its parameters as name=text, with '~' for no value at all. */
static const struct {
    const char *text;
    const char *params;
} values[] = {
    {"", "[]"},
    {"text/html", "[text/html]"},
    {" text/html ; charset=utf-8", "[text/html] charset=utf-8"},
    {"a;b=c;d=e", "[a] b=c d=e"},
    {"a; b=\"c\\\"d\"", "[a] b=c\"d"},
    {"a; b=\"c;d, e\" ; f=g", "[a] b=c;d, e f=g"},
    {"a; b=\"\\\\\"; c=\"\"", "[a] b=\\ c="},
    {"a; b=", "[a] b="},
    {"a; b; c=d", "[a] b=~ c=d"},
    {"a;;; b=c;", "[a] b=c"},
    {"a; b=c d", "[a] !"},
    {"a; b =c", "[a] !"},
    {"a; b= c", "[a] !"},
    {"a; =c", "[a] !"},
    {"a; b=\"c", "[a] !"},
    {"a; b=\"c\\\"", "[a] !"},
    {"a; b=\"c\"d", "[a] !"},
    {"a; b=c/d", "[a] !"},
    {"a; b=c; \xc3\xa9=d", "[a] b=c !"},
};

START_TEST(value)
{
    struct proa_str rest = t_unreadable_str(values[_i].text);
    struct proa_str head = proa_param_head(&rest);
    struct proa_param param;
    char got[100];
    char text[40];
    int rc;
    size_t n = (size_t)snprintf(got, sizeof got, "[%.*s]", PROA_PRI(head));

    while ((rc = proa_param_next(&rest, &param)) > 0) {
        size_t text_n = proa_param_text(&param, text);
        ck_assert_uint_le(text_n, param.value.n);
        n += (size_t)snprintf(got + n, sizeof got - n, " %.*s=%.*s", PROA_PRI(param.name),
                              param.value.p ? (int)text_n : 1, param.value.p ? text : "~");
    }
    if (rc < 0) {
        ck_assert_int_eq(rc, PROA_EPARAM);
        snprintf(got + n, sizeof got - n, " !");
    }
    ck_assert_str_eq(got, values[_i].params);
}
END_TEST

START_TEST(the_first_of_two_wins)
{
    struct proa_param param;

    ck_assert_int_eq(proa_param_find(PROA_STR("a; CharSet=x; charset=y"), "charset", &param), 1);
    ck_str_eq(param.value, "x");
    ck_assert_int_eq(proa_param_find(PROA_STR("a; b=c"), "charset", &param), 0);
    ck_assert_int_eq(proa_param_find(PROA_STR("charset=x"), "charset", &param), 0);
}
END_TEST

START_TEST(find_refuses_what_is_malformed_behind)
{
    struct proa_param param;

    ck_err(proa_param_find(PROA_STR("a; b=c; \"d"), "b", &param), PROA_EPARAM);
}
END_TEST

START_TEST(list_tokens)
{
    ck_assert(proa__list_has_token(PROA_STR("a, Close"), PROA_STR("close")));
    ck_assert(!proa__list_has_token(PROA_STR("a, Closer"), PROA_STR("close")));
    ck_assert(!proa__list_has_token(PROA_STR("a close"), PROA_STR("close")));
    ck_assert(!proa__list_has_token(PROA_STR(""), PROA_STR("close")));
}
END_TEST

int main(void)
{
    return t_main_tables("params",
                         (const TTest *const[]){the_first_of_two_wins,
                                                find_refuses_what_is_malformed_behind, list_tokens,
                                                NULL},
                         (const struct t_table[]){{list, sizeof lists / sizeof lists[0]},
                                                  {value, sizeof values / sizeof values[0]},
                                                  {NULL, 0}});
}
