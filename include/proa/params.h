#ifndef PROA_PARAMS_H
#define PROA_PARAMS_H

/*
 * What stands inside a field value: lists `a, b;q=0.5, c` and parameters `form-data; name="a;b"`.
 *
 * All of it walks over borrowed slices and allocates nothing.
 */

#include <proa/defs.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>

PROA_BEGIN_DECLS

/* One parameter: `name`, `name=value` or `name="value"`. */
struct proa_param {
    struct proa_str name;
    struct proa_str
        value;    /* without its quotes, backslashes still in it; p NULL: there was no '=' */
    bool escaped; /* there are backslashes: proa_param_text takes them off */
};

/**
 * Take the next element off a comma-separated list; empty ones are skipped.
 *
 * Commas inside "quoted strings" do not count. `rest` starts as the whole value and ends up behind
 * the element.
 *
 * Errors:       returns 1, 0 at the end, or PROA_EPARAM (a quoted string that does not end).
 */
PROA_API int proa_list_next(struct proa_str *rest, struct proa_str *ret);

/**
 * Take what stands before the first ';' off a value: the `text/html` of `text/html; charset=utf-8`.
 */
PROA_API struct proa_str proa_param_head(struct proa_str *rest);

/**
 * Take the next `;name=value` off a value, after proa_param_head.
 *
 * Errors:       returns 1, 0 at the end, or PROA_EPARAM (no token, an unended quoted string, spaces
 *               around '=', bytes behind the value).
 */
PROA_API int proa_param_next(struct proa_str *rest, struct proa_param *ret);

/**
 * Find the first parameter of a name in a whole value; ASCII case is ignored.
 *
 * Errors:       returns 1, 0 if there is none, or PROA_EPARAM (malformed, even behind the one
 *               looked for).
 */
PROA_API int proa_param_find(struct proa_str value, const char *name, struct proa_param *ret);

/**
 * Write a parameter's text without backslashes to `out`, which has room for param->value.n bytes.
 * Returns the bytes written.
 */
PROA_API size_t proa_param_text(const struct proa_param *param, char *out);

PROA_END_DECLS

#endif
