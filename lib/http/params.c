#include "base/fail.h"
#include "http/headers.h"
#include "http/octets.h"

#include <proa/err.h>
#include <proa/params.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct proa_str skip(struct proa_str s, size_t n)
{
    return proa_str_make(s.p + n, s.n - n);
}

static struct proa_str skip_spaces(struct proa_str s)
{
    size_t i = 0;

    while (i < s.n && is_space(s.p[i]))
        i++;
    return skip(s, i);
}

/* Bytes of the quoted string that begins at s.p[0], both quotes counted; 0 if it does not end. */
static size_t quoted_span(struct proa_str s, bool *ret_escaped)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\') {
            *ret_escaped = true;
            i++;
        }
    }
    return 0;
}

static int unended(void)
{
    return proa__fail(PROA_EPARAM, "a quoted string does not end");
}

/* Where `separator` stands outside quoted strings, s.n if nowhere; PROA_STR_NONE if one does not
 * end. */
static size_t find_unquoted(struct proa_str s, char separator)
{
    size_t i = 0;
    bool escaped;

    while (i < s.n && s.p[i] != separator) {
        size_t n = s.p[i] == '"' ? quoted_span(skip(s, i), &escaped) : 1;
        if (n == 0)
            return PROA_STR_NONE;
        i += n;
    }
    return i;
}

int proa_list_next(struct proa_str *rest, struct proa_str *ret)
{
    while (rest->n > 0) {
        size_t n = find_unquoted(*rest, ',');
        if (n == PROA_STR_NONE)
            return unended();

        struct proa_str element = proa_str_trim(proa_str_make(rest->p, n));
        *rest = skip(*rest, n < rest->n ? n + 1 : n);
        if (element.n > 0) {
            *ret = element;
            return 1;
        }
    }
    return 0;
}

struct proa_str proa_param_head(struct proa_str *rest)
{
    size_t n = proa_str_find(*rest, ';');
    struct proa_str head = *rest;

    if (n == PROA_STR_NONE)
        n = rest->n;
    head.n = n;
    *rest = proa_str_make(rest->p + n, rest->n - n);
    return proa_str_trim(head);
}

/* The value behind '=': a token or a quoted string; takes it off `s`. */
static int take_value(struct proa_str *s, struct proa_param *param)
{
    size_t n;

    if (s->n > 0 && s->p[0] == '"') {
        n = quoted_span(*s, &param->escaped);
        if (n == 0)
            return unended();
        param->value = proa_str_make(s->p + 1, n - 2);
    } else {
        n = octets_span(s->p, 0, s->n, OCTET_TOKEN);
        param->value = proa_str_make(s->p, n);
    }
    *s = skip(*s, n);
    return 0;
}

int proa_param_next(struct proa_str *rest, struct proa_param *ret)
{
    struct proa_str s = skip_spaces(*rest);
    struct proa_param param = {0};

    while (s.n > 0 && s.p[0] == ';')
        s = skip_spaces(skip(s, 1)); /* RFC 9110 5.6.6 lets `;;` stand for nothing */
    if (s.n == 0) {
        *rest = s;
        return 0;
    }

    size_t n = octets_span(s.p, 0, s.n, OCTET_TOKEN);
    if (n == 0)
        return proa__fail(PROA_EPARAM, "no parameter name where one should be");
    param.name = proa_str_make(s.p, n);
    s = skip(s, n);

    if (s.n > 0 && s.p[0] == '=') {
        s = skip(s, 1);
        int rc = take_value(&s, &param);
        if (rc < 0)
            return rc;
    }

    s = skip_spaces(s);
    if (s.n > 0 && s.p[0] != ';')
        return proa__fail(PROA_EPARAM, "parameter %.*s is followed by something else than ';'",
                          PROA_PRI(proa_str_sub(param.name, 0, 64)));
    *rest = s;
    *ret = param;
    return 1;
}

int proa_param_find(struct proa_str value, const char *name, struct proa_param *ret)
{
    struct proa_str wanted = proa_str_from(name);
    struct proa_param param;
    bool found = false;
    int rc;

    proa_param_head(&value);
    while ((rc = proa_param_next(&value, &param)) > 0) {
        if (!found && proa_str_caseeq(param.name, wanted)) {
            *ret = param;
            found = true;
        }
    }
    return rc < 0 ? rc : found;
}

size_t proa_param_text(const struct proa_param *param, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < param->value.n; i++) {
        if (param->escaped && param->value.p[i] == '\\' && i + 1 < param->value.n)
            i++;
        out[n++] = param->value.p[i];
    }
    return n;
}

bool proa__list_has_token(struct proa_str list, struct proa_str token)
{
    struct proa_str element;

    while (proa_str_next(&list, ',', &element))
        if (proa_str_caseeq(proa_str_trim(element), token))
            return true;
    return false;
}
