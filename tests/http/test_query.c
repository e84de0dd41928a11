#include "base/arena.h"
#include "http/pairs.h"
#include "support/test.h"

#include <proa/url.h>

#include <stdio.h>
#include <string.h>

/* A query, and its pairs as name=value|; "!" where it is refused. */
static const struct {
    const char *text;
    const char *pairs;
} queries[] = {
    {"", ""},
    {"a=1&b=2", "a=1|b=2|"},
    {"a+b=c%20d%2B", "a b=c d+|"},
    {"a&b=&=c", "a=|b=|=c|"},
    {"&&a=1&&", "a=1|"},
    {"a=b=c", "a=b=c|"},
    {"a=%C3%A9", "a=\xc3\xa9|"},
    {"a=1&b=%", "a=1|!"},
    {"a=%4", "!"},
    {"%zz=1", "!"},
};

START_TEST(query)
{
    struct proa_query q = {.rest = t_unreadable_str(queries[_i].text)};
    struct proa_str name;
    struct proa_str value;
    struct proa_buf text;
    char got[64];
    size_t n = 0;
    int rc;

    proa_buf_init(&text, 1000);
    while ((rc = proa_query_next(&q, &text, &name, &value)) > 0)
        n += (size_t)snprintf(got + n, sizeof got - n, "%.*s=%.*s|", PROA_PRI(name),
                              PROA_PRI(value));
    if (rc < 0) {
        ck_assert_int_eq(rc, PROA_EQUERY);
        got[n++] = '!';
    }
    got[n] = '\0';
    ck_assert_str_eq(got, queries[_i].pairs);
    proa_buf_fini(&text);

    struct arena arena = {0};
    struct pairs pairs;
    rc = proa__pairs_parse(&pairs, &arena, t_unreadable_str(queries[_i].text), 10);
    ck_assert_int_eq(rc, strchr(queries[_i].pairs, '!') ? PROA_EQUERY : 0);
    proa__arena_fini(&arena);
}
END_TEST

START_TEST(pairs_are_found_by_name)
{
    struct arena arena = {0};
    struct pairs pairs;

    ck_ok(proa__pairs_parse(&pairs, &arena, PROA_STR("a=1&b&a=2"), 3));
    ck_assert_uint_eq(pairs.n, 3);
    ck_str_eq(proa__pairs_get(&pairs, PROA_STR("a")), "1");
    ck_assert_ptr_nonnull(proa__pairs_get(&pairs, PROA_STR("b")).p);
    ck_assert_ptr_null(proa__pairs_get(&pairs, PROA_STR("c")).p);
    ck_err(proa__pairs_parse(&pairs, &arena, PROA_STR("a=1&b&a=2"), 2), PROA_EMSGSIZE);
    proa__arena_fini(&arena);
}
END_TEST

START_TEST(queries_have_a_bound)
{
    static char text[2 * PROA_QUERY_MAX + 2];
    struct proa_query q = {.rest = {text, 2 * PROA_QUERY_MAX}};
    struct proa_str name;
    struct proa_str value;
    struct proa_buf b;

    for (int i = 0; i <= PROA_QUERY_MAX; i++)
        memcpy(text + 2 * i, "a&", 2);
    proa_buf_init(&b, 1 << 20);
    for (int i = 0; i < PROA_QUERY_MAX; i++)
        ck_assert_int_eq(proa_query_next(&q, &b, &name, &value), 1);
    ck_assert_int_eq(proa_query_next(&q, &b, &name, &value), 0);

    q = (struct proa_query){.rest = {text, 2 * PROA_QUERY_MAX + 2}};
    for (int i = 0; i < PROA_QUERY_MAX; i++)
        ck_assert_int_eq(proa_query_next(&q, &b, &name, &value), 1);
    ck_err(proa_query_next(&q, &b, &name, &value), PROA_EMSGSIZE);
    proa_buf_fini(&b);
}
END_TEST

START_TEST(queries_are_built_and_read_back)
{
    struct proa_buf b;
    struct proa_buf text;
    struct proa_str name;
    struct proa_str value;

    proa_buf_init(&b, 1000);
    proa_buf_init(&text, 1000);
    proa_buf_append_str(&b, PROA_STR("/search?"));
    ck_ok(proa_query_append(&b, PROA_STR("q&="), PROA_STR("a b+c\r\n\xc3\xa9")));
    ck_ok(proa_query_append(&b, PROA_STR("n"), PROA_STR("")));
    ck_str_eq(proa_buf_str(&b), "/search?q%26%3D=a+b%2Bc%0D%0A%C3%A9&n=");

    struct proa_query q = {.rest = proa_str_sub(proa_buf_str(&b), 8, PROA_UNLIMITED)};
    ck_assert_int_eq(proa_query_next(&q, &text, &name, &value), 1);
    ck_str_eq(name, "q&=");
    ck_str_eq(value, "a b+c\r\n\xc3\xa9");
    proa_buf_fini(&text);
    proa_buf_fini(&b);
}
END_TEST

static int read_and_build(void *arg)
{
    struct proa_query q = {.rest = PROA_STR("a=b&c")};
    struct proa_buf b;
    struct proa_str name;
    struct proa_str value;
    struct arena arena = {0};
    struct pairs pairs;

    (void)arg;
    proa_buf_init(&b, 1000);
    int rc = proa_query_next(&q, &b, &name, &value);
    if (rc >= 0)
        rc = proa_query_append(&b, PROA_STR("more"), PROA_STR("and more"));
    if (rc == 0)
        rc = proa__pairs_parse(&pairs, &arena, PROA_STR("a=b&c"), 10);
    proa__arena_fini(&arena);
    proa_buf_fini(&b);
    return rc;
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(read_and_build, NULL);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "query",
        (const TTest *const[]){pairs_are_found_by_name, queries_have_a_bound,
                               queries_are_built_and_read_back, each_allocation_may_fail, NULL},
        (const struct t_table[]){{query, sizeof queries / sizeof queries[0]}, {NULL, 0}});
}
