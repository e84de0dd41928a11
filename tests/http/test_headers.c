#include "base/arena.h"
#include "http/headers.h"
#include "support/test.h"

#include <string.h>

START_TEST(order_and_case_are_kept)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "X-b", "1"));
    ck_ok(proa_headers_add(&h, "ACCEPT", "2"));
    ck_ok(proa_headers_add(&h, "x-B", "3"));

    ck_assert_uint_eq(h.count, 3);
    ck_str_eq(proa_headers_at(&h, 0)->name, "X-b");
    ck_str_eq(proa_headers_at(&h, 1)->name, "ACCEPT");
    ck_str_eq(proa_headers_at(&h, 2)->name, "x-B");
    ck_assert_ptr_null(proa_headers_at(&h, 3));
    proa_headers_fini(&h);
}
END_TEST

START_TEST(names_are_compared_without_ascii_case)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Content-TYPE", "text/plain"));
    ck_str_eq(proa_headers_get(&h, "content-type"), "text/plain");
    ck_assert_ptr_null(proa_headers_get(&h, "content-typ").p);
    ck_assert_ptr_null(proa_headers_get(&h, "").p);

    proa_headers_fini(&h);
}
END_TEST

/* '^' and '~' differ by 0x20 as 'A' and 'a' do, and are no letters. */
START_TEST(only_letters_have_case)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "X^y", "hat"));
    ck_assert_ptr_null(proa_headers_get(&h, "X~y").p);
    ck_ok(proa_headers_add(&h, "^", "hat"));
    ck_assert_ptr_null(proa_headers_get(&h, "~").p);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(an_empty_value_is_not_an_absent_one)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Empty", ""));
    ck_assert_ptr_nonnull(proa_headers_get(&h, "empty").p);
    ck_assert_uint_eq(proa_headers_get(&h, "empty").n, 0);
    ck_assert_ptr_null(proa_headers_get(&h, "none").p);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(set_replaces_all_in_the_place_of_the_first)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "A", "1"));
    ck_ok(proa_headers_add(&h, "B", "2"));
    ck_ok(proa_headers_add(&h, "a", "3"));
    ck_ok(proa_headers_add(&h, "C", "4"));
    ck_ok(proa_headers_set(&h, "a", "5"));

    ck_assert_uint_eq(h.count, 3);
    ck_str_eq(proa_headers_at(&h, 0)->value, "5");
    ck_str_eq(proa_headers_at(&h, 1)->value, "2");
    ck_str_eq(proa_headers_at(&h, 2)->value, "4");
    ck_ok(proa_headers_set(&h, "new", "6"));
    ck_str_eq(proa_headers_get(&h, "New"), "6");
    proa_headers_fini(&h);
}
END_TEST

START_TEST(all_of_a_name_are_walked_counted_and_removed)
{
    struct proa_headers h = {0};
    const struct proa_header *field = NULL;

    ck_ok(proa_headers_add(&h, "Set-Cookie", "a=1"));
    ck_ok(proa_headers_add(&h, "Vary", "x"));
    ck_ok(proa_headers_add(&h, "set-cookie", "b=2"));
    ck_assert_uint_eq(proa_headers_count(&h, "SET-COOKIE"), 2);
    field = proa_headers_next(&h, "set-cookie", field);
    ck_str_eq(field->value, "a=1");
    field = proa_headers_next(&h, "set-cookie", field);
    ck_str_eq(field->value, "b=2");
    ck_assert_ptr_null(proa_headers_next(&h, "set-cookie", field));

    ck_assert_uint_eq(proa_headers_remove(&h, "set-COOKIE"), 2);
    ck_assert_uint_eq(proa_headers_remove(&h, "set-cookie"), 0);
    ck_assert_uint_eq(h.count, 1);
    ck_assert(!proa__headers_has(&h, HTTP_KNOWN_SET_COOKIE));
    ck_assert(proa__headers_has(&h, HTTP_KNOWN_VARY));
    proa_headers_fini(&h);
}
END_TEST

/* What is to go or to change may itself name the field. */
START_TEST(a_field_may_be_named_by_its_own_text)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Twice", "1"));
    ck_ok(proa_headers_add(&h, "twice", "2"));
    ck_ok(proa_headers_set(&h, h.fields[0].name.p, h.fields[1].value.p));
    ck_assert_uint_eq(h.count, 1);
    ck_str_eq(proa_headers_get(&h, "twice"), "2");
    ck_ok(proa_headers_add(&h, "TWICE", "3"));
    ck_assert_uint_eq(proa_headers_remove(&h, h.fields[0].name.p), 2);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(white_space_around_a_value_is_dropped)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_set(&h, "A", " \t x \t y\t "));
    ck_str_eq(proa_headers_get(&h, "a"), "x \t y");
    proa_headers_fini(&h);
}
END_TEST

static const char *const bad_names[] = {"",     " A",  "A ",  "A:",   "A\nB",        "A\rB",
                                        "A\tB", "(",   "A\"", "\x7f", "caf\xc3\xa9", "a/b",
                                        "a,b",  "a;b", "a=b", "{",    "[",           "a@b"};

START_TEST(bad_name)
{
    struct proa_headers h = {0};

    ck_err(proa_headers_add(&h, bad_names[_i], "x"), PROA_EHEADER);
    ck_assert_uint_eq(h.count, 0);
    ck_err(proa_headers_error(&h), PROA_EHEADER);
    proa_headers_fini(&h);
}
END_TEST

/* Every byte in the middle of a value: the tab and what is no control character may be there. */
START_TEST(value_byte)
{
    struct proa_headers h = {0};
    const char text[] = {'a', (char)_i, 'b'};
    bool good = _i == '\t' || (_i >= 0x20 && _i != 0x7f);

    ck_ok(proa_headers_add(&h, "A", "old"));
    int rc = proa_headers_add_str(&h, PROA_STR("B"), proa_str_make(text, 3));
    ck_assert_int_eq(rc, good ? 0 : PROA_EHEADER);
    ck_assert_uint_eq(h.count, good ? 2 : 1);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(a_refused_set_changes_nothing)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_set(&h, "A", "old"));
    ck_err(proa_headers_set(&h, "A", "new\r\nSet-Cookie: evil=1"), PROA_EHEADER);
    ck_str_eq(proa_headers_get(&h, "A"), "old");
    ck_assert_uint_eq(h.count, 1);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(the_first_failure_sticks_with_its_words)
{
    struct proa_headers h = {0};

    ck_err(proa_headers_set(&h, "A", "1\n"), PROA_EHEADER);
    ck_err(proa_headers_set(&h, "no name", "2"), PROA_EHEADER);
    ck_err(proa_headers_set(&h, "Good", "3"), PROA_EHEADER);
    ck_err(proa_headers_add(&h, "Good", "3"), PROA_EHEADER);
    ck_assert_uint_eq(h.count, 0);

    ck_err(proa_headers_error(&h), PROA_EHEADER);
    ck_assert_ptr_nonnull(strstr(proa_err_detail(PROA_EHEADER), "header A: byte 1"));
    proa_headers_clear(&h);
    ck_ok(proa_headers_error(&h));
    ck_ok(proa_headers_set(&h, "Good", "3"));
    proa_headers_fini(&h);
}
END_TEST

/* A value that a peer chose must not appear in the words: it may be a password. */
START_TEST(words_do_not_tell_the_value)
{
    struct proa_headers h = {0};

    ck_err(proa_headers_set(&h, "Authorization", "hunter2\n."), PROA_EHEADER);
    ck_assert_ptr_null(strstr(proa_err_detail(PROA_EHEADER), "hunter2"));
    proa_headers_fini(&h);
}
END_TEST

START_TEST(formatted_values)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_setf(&h, "Content-Range", "bytes */%d", 42));
    ck_ok(proa_headers_addf(&h, "Link", "<%s>", "/a"));
    ck_ok(proa_headers_addf(&h, "Link", "<%s>", "/b"));
    ck_str_eq(proa_headers_get(&h, "content-range"), "bytes */42");
    ck_assert_uint_eq(proa_headers_count(&h, "link"), 2);
    ck_err(proa_headers_setf(&h, "A", "%s", "x\ny"), PROA_EHEADER);
    proa_headers_fini(&h);
}
END_TEST

START_TEST(a_list_has_a_bound)
{
    struct proa_headers h = {0};

    for (int i = 0; i < PROA_HEADERS_MAX; i++)
        ck_ok(proa_headers_addf(&h, "X", "%d", i));
    ck_err(proa_headers_add(&h, "X", "one more"), PROA_EMSGSIZE);
    ck_assert_uint_eq(h.count, PROA_HEADERS_MAX);
    ck_assert_uint_eq(proa_headers_count(&h, "x"), PROA_HEADERS_MAX);
    proa_headers_fini(&h);
}
END_TEST

/* Names that share length, first and last letter, with each other or with a known name. */
START_TEST(names_with_equal_keys_are_told_apart)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Xabc", "1"));
    ck_ok(proa_headers_add(&h, "Xbac", "2"));
    ck_ok(proa_headers_add(&h, "Heat", "3"));
    ck_str_eq(proa_headers_get(&h, "xbac"), "2");
    ck_assert_ptr_null(proa_headers_get(&h, "xcab").p);
    ck_assert(!proa__headers_has(&h, HTTP_KNOWN_HOST));
    ck_assert_ptr_null(proa__headers_find(&h, HTTP_KNOWN_HOST));
    proa_headers_fini(&h);
}
END_TEST

static const struct {
    const char *text;
    enum http_known id;
} known[] = {
#define X(id, text, first, last) {text, HTTP_KNOWN_##id},
    HTTP_KNOWN_MAP(X)
#undef X
};
enum { N_KNOWN = sizeof known / sizeof known[0] };

START_TEST(known_name_is_known)
{
    struct proa_headers h = {0};
    char upper[64];
    size_t n = strlen(known[_i].text);

    for (size_t i = 0; i <= n; i++)
        upper[i] = (char)(known[_i].text[i] >= 'a' && known[_i].text[i] <= 'z'
                              ? known[_i].text[i] - 'a' + 'A'
                              : known[_i].text[i]);
    ck_assert_int_eq(proa__header_known(proa_str_from(upper)), known[_i].id);
    ck_assert_int_eq(proa__header_known(proa_str_make(upper, n - 1)), HTTP_KNOWN_NONE);
    ck_assert_int_lt(known[_i].id, 32);

    ck_ok(proa_headers_add(&h, "Other", "0"));
    ck_ok(proa_headers_add(&h, upper, "1"));
    ck_ok(proa_headers_add(&h, known[_i].text, "2"));
    const struct proa_header *field = proa__headers_find(&h, known[_i].id);
    ck_str_eq(field->value, "1");
    ck_str_eq(proa__headers_find_next(&h, field)->value, "2");
    ck_assert_ptr_null(proa__headers_find_next(&h, proa__headers_find_next(&h, field)));
    proa_headers_fini(&h);
}
END_TEST

START_TEST(tokens_are_found_across_lines)
{
    struct proa_headers h = {0};

    ck_ok(proa_headers_add(&h, "Connection", "a, ,b"));
    ck_ok(proa_headers_add(&h, "connection", " ,\tCLOSE\t, closed"));
    ck_assert(proa_headers_has_token(&h, "Connection", "close"));
    ck_assert(proa_headers_has_token(&h, "Connection", "B"));
    ck_assert(!proa_headers_has_token(&h, "Connection", "clos"));
    ck_assert(!proa_headers_has_token(&h, "Connection", "keep-alive"));
    ck_assert(!proa_headers_has_token(&h, "Connections", "close"));
    ck_assert(proa__headers_find_token(&h, HTTP_KNOWN_CONNECTION, PROA_STR("close")));
    ck_assert(!proa__headers_find_token(&h, HTTP_KNOWN_UPGRADE, PROA_STR("close")));
    proa_headers_fini(&h);
}
END_TEST

START_TEST(views_are_not_copied)
{
    struct arena arena = {0};
    struct proa_headers h;
    const char *head = "Host: a.example";

    ck_ok(proa__headers_init(&h, &arena, 4));
    ck_ok(proa__headers_add_view(&h, proa_str_make(head, 4), proa_str_make(head + 6, 9)));
    ck_assert_ptr_eq(proa__headers_find(&h, HTTP_KNOWN_HOST)->value.p, head + 6);
    proa__arena_fini(&arena);
}
END_TEST

/* The parser's buffer moves while a head is read in pieces. */
START_TEST(offsets_become_slices_when_settled)
{
    struct arena arena = {0};
    struct proa_headers h;
    char first[] = "Host: a\r\n";
    char second[] = "Host: a\r\nDate: b\r\n";

    ck_ok(proa__headers_init(&h, &arena, 0));
    ck_ok(proa__headers_add_at(&h, first, proa_str_make(first, 4), proa_str_make(first + 6, 1)));
    memset(first, '?', sizeof first);
    ck_ok(proa__headers_add_at(&h, second, proa_str_make(second + 9, 4),
                               proa_str_make(second + 15, 1)));
    ck_assert(proa__headers_has(&h, HTTP_KNOWN_HOST));
    proa__headers_settle(&h, second);
    ck_str_eq(proa_headers_get(&h, "Host"), "a");
    ck_str_eq(proa_headers_get(&h, "Date"), "b");
    proa__arena_fini(&arena);
}
END_TEST

START_TEST(a_list_in_an_arena_needs_no_fini)
{
    struct arena arena = {0};
    struct proa_headers h;

    ck_ok(proa__headers_init(&h, &arena, 2));
    for (int i = 0; i < 40; i++)
        ck_ok(proa_headers_addf(&h, "X", "%d", i));
    ck_ok(proa_headers_set(&h, "X", "last"));
    ck_assert_uint_eq(h.count, 1);
    ck_err(proa_headers_add(&h, "bad name", ""), PROA_EHEADER);
    proa__arena_fini(&arena);
}
END_TEST

START_TEST(a_list_is_copied_whole_or_with_its_failure)
{
    struct proa_headers a = {0};
    struct proa_headers b = {0};

    ck_ok(proa_headers_add(&a, "X", "1"));
    ck_ok(proa_headers_add(&a, "Y", "2"));
    ck_ok(proa_headers_add_all(&b, &a));
    ck_assert_uint_eq(b.count, 2);
    ck_str_eq(proa_headers_get(&b, "y"), "2");

    ck_err(proa_headers_add(&a, "bad name", "3"), PROA_EHEADER);
    ck_err(proa_headers_add_all(&b, &a), PROA_EHEADER);
    ck_err(proa_headers_error(&b), PROA_EHEADER);
    proa_headers_fini(&a);
    proa_headers_fini(&b);
}
END_TEST

static int build_list(void *arg)
{
    struct proa_headers h = {0};
    struct proa_headers copy = {0};

    (void)arg;
    for (int i = 0; i < 20; i++)
        proa_headers_addf(&h, "X", "%d", i);
    proa_headers_set(&h, "Y", "1");
    proa_headers_setf(&h, "Y", "%s", "2");
    proa_headers_add_all(&copy, &h);
    int rc = proa_headers_error(&copy);
    if (rc == 0) {
        ck_assert_uint_eq(copy.count, 21);
        ck_str_eq(proa_headers_get(&copy, "Y"), "2");
    }
    proa_headers_fini(&copy);
    proa_headers_fini(&h);
    return rc;
}

static int refuse_field(void *arg)
{
    struct proa_headers h = {0};

    (void)arg;
    int rc = proa_headers_add(&h, "A", "\n"); /* its words are kept in memory of the list */
    ck_assert_int_eq(proa_headers_error(&h), rc);
    proa_headers_fini(&h);
    return rc == PROA_EHEADER ? 0 : rc;
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(build_list, NULL);
    t_each_alloc(refuse_field, NULL);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "headers",
        (const TTest *const[]){order_and_case_are_kept,
                               names_are_compared_without_ascii_case,
                               only_letters_have_case,
                               an_empty_value_is_not_an_absent_one,
                               set_replaces_all_in_the_place_of_the_first,
                               all_of_a_name_are_walked_counted_and_removed,
                               a_field_may_be_named_by_its_own_text,
                               white_space_around_a_value_is_dropped,
                               a_refused_set_changes_nothing,
                               the_first_failure_sticks_with_its_words,
                               words_do_not_tell_the_value,
                               formatted_values,
                               a_list_has_a_bound,
                               names_with_equal_keys_are_told_apart,
                               tokens_are_found_across_lines,
                               views_are_not_copied,
                               offsets_become_slices_when_settled,
                               a_list_in_an_arena_needs_no_fini,
                               a_list_is_copied_whole_or_with_its_failure,
                               each_allocation_may_fail,
                               NULL},
        (const struct t_table[]){{bad_name, sizeof bad_names / sizeof bad_names[0]},
                                 {value_byte, 256},
                                 {known_name_is_known, N_KNOWN},
                                 {NULL, 0}});
}
