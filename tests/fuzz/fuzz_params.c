#include "fuzz/fuzz.h"
#include "http/coding.h"
#include "http/headers.h"
#include "http/pairs.h"

#include <proa/err.h>
#include <proa/params.h>
#include <proa/url.h>

#include <string.h>

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("text/html; charset=utf-8"),
    FUZZ_SEED("form-data; name=\"a;\\\"b,\\\\\"; filename=\"x y\" ;z"),
    FUZZ_SEED("gzip;q=0.5, br;q=1.000 , *;q=0,\"a,b\""),
    FUZZ_SEED("a=1&b=%41+c&&d&=e"),
    FUZZ_SEED("close, keep-alive,\tUpgrade"),
    {NULL, 0},
};

enum { ROOM = 2 * 4096 + 16 };

static char text[ROOM], quoted[ROOM];

/* What a parameter says can be written as a quoted string and read again. */
static void check_again(const struct proa_param *param)
{
    size_t text_n = proa_param_text(param, text);
    size_t n = 3;
    struct proa_param again;

    FUZZ_CHECK(text_n <= param->value.n);
    memcpy(quoted, "a=\"", 3);
    for (size_t i = 0; i < text_n; i++) {
        if (text[i] == '"' || text[i] == '\\')
            quoted[n++] = '\\';
        quoted[n++] = text[i];
    }
    quoted[n++] = '"';

    struct proa_str rest = proa_str_make(quoted, n);
    FUZZ_CHECK(proa_param_next(&rest, &again) == 1 && rest.n == 0);
    FUZZ_CHECK(proa_param_text(&again, quoted) == text_n && memcmp(quoted, text, text_n) == 0);
}

static void check_params(struct proa_str value)
{
    struct proa_str rest = value;
    struct proa_param param;
    int rc;

    proa_param_head(&rest);
    FUZZ_CHECK(rest.n <= value.n);
    while ((rc = proa_param_next(&rest, &param)) > 0) {
        FUZZ_CHECK(proa__is_token(param.name));
        FUZZ_CHECK(param.value.p == NULL || (param.value.p > value.p && param.value.n < value.n));
        check_again(&param);
    }
    FUZZ_CHECK(rc == 0 ? rest.n == 0 : rc == PROA_EPARAM);
}

static void check_list(struct proa_str value)
{
    struct proa_str rest = value;
    struct proa_str element;
    int rc;

    while ((rc = proa_list_next(&rest, &element)) > 0) {
        FUZZ_CHECK(element.n > 0 && proa_str_eq(element, proa_str_trim(element)));
        FUZZ_CHECK(element.p >= value.p && element.p + element.n <= value.p + value.n);
        check_params(element);
    }
    FUZZ_CHECK(rc == 0 ? rest.n == 0 : rc == PROA_EPARAM);
}

/* A query that can be read gives the same pairs after it was built anew. */
static void check_query(struct proa_str value)
{
    struct proa_query q = {.rest = value};
    struct proa_str name;
    struct proa_str got;
    struct proa_buf plain;
    struct proa_buf built;
    struct proa_buf again;
    int rc;

    proa_buf_init(&plain, ROOM);
    proa_buf_init(&built, 8 * ROOM);
    proa_buf_init(&again, ROOM);
    while ((rc = proa_query_next(&q, &plain, &name, &got)) > 0)
        FUZZ_CHECK(proa_query_append(&built, name, got) == 0);
    FUZZ_CHECK(rc == 0 || rc == PROA_EQUERY || rc == PROA_EMSGSIZE);

    q = (struct proa_query){.rest = proa_buf_str(&built)};
    while ((rc = proa_query_next(&q, &again, &name, &got)) > 0)
        ;
    FUZZ_CHECK(rc == 0 && proa_str_eq(proa_buf_str(&plain), proa_buf_str(&again)));
    proa_buf_fini(&again);
    proa_buf_fini(&built);
    proa_buf_fini(&plain);
}

/* What a list lets in can be found in it, and no choice is made of what is not there. */
static void check_header(struct proa_str value)
{
    struct proa_headers h = {0};

    int rc = proa_headers_add_str(&h, PROA_STR("Accept-Encoding"), value);
    FUZZ_CHECK(rc == (proa__is_field_value(proa_str_trim(value)) ? 0 : PROA_EHEADER));
    if (rc == 0) {
        FUZZ_CHECK(proa_str_eq(proa_headers_get(&h, "accept-encoding"), proa_str_trim(value)));
        proa__coding_choose(&h);
        proa__list_has_token(value, PROA_STR("close"));
    }
    proa_headers_fini(&h);

    h = (struct proa_headers){0};
    rc = proa_headers_add_str(&h, value, PROA_STR("x"));
    FUZZ_CHECK(rc == (proa__is_token(value) ? 0 : PROA_EHEADER));
    proa_headers_fini(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct proa_str value = proa_str_make((const char *)bytes, n);

    if (n > 4096)
        return 0;
    check_params(value);
    check_list(value);
    check_query(value);
    check_header(value);
    return 0;
}
