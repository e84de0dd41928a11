#include "base/arena.h"
#include "base/encode.h"
#include "base/fail.h"
#include "http/pairs.h"

#include <proa/err.h>
#include <proa/url.h>

/* Take the next piece that is not empty off `rest`, cut at its first '='. */
static bool next_piece(struct proa_str *rest, struct proa_str *ret_name, struct proa_str *ret_value)
{
    struct proa_str piece;

    while (proa_str_next(rest, '&', &piece)) {
        if (piece.n == 0)
            continue;
        size_t equals = proa_str_find(piece, '=');
        *ret_name = proa_str_sub(piece, 0, equals);
        *ret_value = equals == PROA_STR_NONE ? (struct proa_str){0}
                                             : proa_str_sub(piece, equals + 1, PROA_UNLIMITED);
        return true;
    }
    return false;
}

/* Decode to `at`, which has room for s.n bytes, and move it on. */
static int decode(char **at, struct proa_str s, struct proa_str *ret)
{
    ssize_t n = proa__form_decode(*at, s);
    if (n < 0)
        return proa__fail(PROA_EQUERY, "'%%' without two hex digits behind it");

    *ret = proa_str_make(*at, (size_t)n);
    *at += n;
    return 0;
}

static int too_many(size_t max)
{
    return proa__fail(PROA_EMSGSIZE, "more than %zu name=value pairs", max);
}

int proa_query_next(struct proa_query *query, struct proa_buf *text, struct proa_str *ret_name,
                    struct proa_str *ret_value)
{
    struct proa_str name;
    struct proa_str value;

    if (!next_piece(&query->rest, &name, &value))
        return 0;
    if (query->count >= PROA_QUERY_MAX)
        return too_many(PROA_QUERY_MAX);

    char *start = proa_buf_reserve(text, name.n + value.n);
    if (!start)
        return proa_buf_error(text);

    char *at = start;
    struct proa_str plain_name;
    int rc = decode(&at, name, &plain_name);
    if (rc == 0)
        rc = decode(&at, value, ret_value);
    if (rc < 0)
        return rc;
    *ret_name = plain_name;
    proa_buf_commit(text, (size_t)(at - start));
    query->count++;
    return 1;
}

int proa_query_append(struct proa_buf *buf, struct proa_str name, struct proa_str value)
{
    struct proa_str so_far = proa_buf_str(buf);

    if (so_far.n > 0 && so_far.p[so_far.n - 1] != '?')
        proa_buf_append(buf, "&", 1);
    proa__percent_encode(buf, name, PERCENT_FORM);
    proa_buf_append(buf, "=", 1);
    proa__percent_encode(buf, value, PERCENT_FORM);
    return proa_buf_error(buf);
}

int proa__pairs_parse(struct pairs *ret, struct arena *arena, struct proa_str text, size_t max)
{
    struct proa_str rest = text;
    struct proa_str name;
    struct proa_str value;
    struct pairs pairs = {0};

    while (next_piece(&rest, &name, &value))
        if (++pairs.n > max)
            return too_many(max);

    char *at = arena_alloc_aligned(arena, text.n, 1);
    pairs.v = arena_alloc(arena, pairs.n * sizeof *pairs.v);
    if (!at || !pairs.v)
        return PROA_ENOMEM;

    rest = text;
    for (size_t i = 0; next_piece(&rest, &name, &value); i++) {
        int rc = decode(&at, name, &pairs.v[i].name);
        if (rc == 0)
            rc = decode(&at, value, &pairs.v[i].value);
        if (rc < 0)
            return rc;
    }
    *ret = pairs;
    return 0;
}

struct proa_str proa__pairs_get(const struct pairs *pairs, struct proa_str name)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (proa_str_eq(pairs->v[i].name, name))
            return pairs->v[i].value;
    return (struct proa_str){0};
}
