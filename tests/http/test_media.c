#include "support/test.h"

#include <proa/http.h>

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *path;
    const char *type;
} files[] = {
    {"index.html", "text/html; charset=utf-8"},
    {"/srv/A.HTML", "text/html; charset=utf-8"},
    {"a.txt", "text/plain; charset=utf-8"},
    {"a.json", "application/json"},
    {"a.js", "text/javascript; charset=utf-8"},
    {"a.tar.gz", "application/gzip"},
    {"a.png", "image/png"},
    {"a.woff2", "font/woff2"},
    {"a.zst", "application/zstd"},
    {"a.7z", "application/x-7z-compressed"},
    {"Makefile", "application/octet-stream"},
    {"a.", "application/octet-stream"},
    {"", "application/octet-stream"},
    {"/a.html/b", "application/octet-stream"},
    {"a.htmlx", "application/octet-stream"},
    {"html", "application/octet-stream"},
};

START_TEST(file)
{
    ck_assert_str_eq(proa_media_type_of(t_unreadable_str(files[_i].path)), files[_i].type);
}
END_TEST

static const struct {
    const char *type;
    bool json;
} json_types[] = {
    {"application/json", true},
    {"Application/JSON ; charset=utf-8", true},
    {"application/problem+json", true},
    {"application/problem+JSON;x=y", true},
    {"text/json", false},
    {"application/jsonp", false},
    {"+json", false},
    {"x+json", false},
    {"application/xml; a=+json", false},
    {"", false},
};

START_TEST(json_type)
{
    ck_assert_int_eq(proa_media_type_is_json(t_unreadable_str(json_types[_i].type)),
                     json_types[_i].json);
}
END_TEST

START_TEST(methods_go_there_and_back)
{
#define X(name, number, flags)                                                                     \
    ck_assert_int_eq(proa_method_from(PROA_STR(#name)), PROA_METHOD_##name);                       \
    ck_assert_str_eq(proa_method_name(PROA_METHOD_##name), #name);
    PROA_METHOD_MAP(X)
#undef X
    ck_assert_int_eq(proa_method_from(PROA_STR("get")), PROA_METHOD_OTHER);
    ck_assert_int_eq(proa_method_from(PROA_STR("FROB")), PROA_METHOD_OTHER);
    ck_assert_int_eq(proa_method_from(PROA_STR("")), PROA_METHOD_OTHER);
    ck_assert_str_eq(proa_method_name(PROA_METHOD_OTHER), "");
}
END_TEST

START_TEST(methods_have_their_flags)
{
    ck_assert(proa_method_is_safe(PROA_METHOD_HEAD));
    ck_assert(!proa_method_is_safe(PROA_METHOD_PUT));
    ck_assert(proa_method_is_idempotent(PROA_METHOD_PUT));
    ck_assert(proa_method_is_idempotent(PROA_METHOD_DELETE));
    ck_assert(!proa_method_is_idempotent(PROA_METHOD_POST));
    ck_assert(!proa_method_is_idempotent(PROA_METHOD_PATCH));
    ck_assert(!proa_method_is_idempotent(PROA_METHOD_OTHER));
}
END_TEST

START_TEST(statuses_have_reasons_and_bodies)
{
    ck_assert_str_eq(proa_status_reason(404), "Not Found");
    ck_assert_str_eq(proa_status_reason(PROA_STATUS_SWITCHING_PROTOCOLS), "Switching Protocols");
    ck_assert_str_eq(proa_status_reason(299), "");
    ck_assert(proa_status_has_body(200));
    ck_assert(proa_status_has_body(404));
    ck_assert(!proa_status_has_body(100));
    ck_assert(!proa_status_has_body(199));
    ck_assert(!proa_status_has_body(204));
    ck_assert(!proa_status_has_body(205));
    ck_assert(!proa_status_has_body(304));
    for (int i = 100; i < 600; i++)
        ck_assert_int_eq(proa_status_is_redirect(i),
                         i == 301 || i == 302 || i == 303 || i == 307 || i == 308);
}
END_TEST

static int append_html(void *arg)
{
    struct proa_buf b;

    (void)arg;
    proa_buf_init(&b, 1000);
    int rc = proa_html_append(&b, PROA_STR("<script>alert('a' & \"b\")</script>"));
    if (rc == 0)
        ck_str_eq(proa_buf_str(&b),
                  "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;");
    proa_buf_fini(&b);
    return rc;
}

START_TEST(html_is_made_harmless)
{
    struct proa_buf b;

    t_each_alloc(append_html, NULL);
    proa_buf_init(&b, 4);
    ck_err(proa_html_append(&b, PROA_STR("<<")), PROA_EMSGSIZE);
    proa_buf_fini(&b);
    proa_buf_init(&b, 4);
    ck_ok(proa_html_append(&b, (struct proa_str){0}));
    proa_buf_fini(&b);
}
END_TEST

int main(void)
{
    return t_main_tables(
        "media",
        (const TTest *const[]){methods_go_there_and_back, methods_have_their_flags,
                               statuses_have_reasons_and_bodies, html_is_made_harmless, NULL},
        (const struct t_table[]){{file, sizeof files / sizeof files[0]},
                                 {json_type, sizeof json_types / sizeof json_types[0]},
                                 {NULL, 0}});
}
