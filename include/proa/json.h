#ifndef PROA_JSON_H
#define PROA_JSON_H

/*
 * JSON text to and from jansson's values, with limits, on a stack that is deep enough.
 *
 * Programs include <jansson.h> to look into the values, and free them with json_decref, which takes
 * 80 bytes of stack a level: what was parsed with a max_depth of many hundreds is freed through
 * proa_call_on_big_stack.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>

PROA_BEGIN_DECLS

struct json_t;

struct proa_json_opts {
    size_t size;            /* set by PROA_JSON_OPTS */
    size_t max_bytes;       /* most bytes of text; 0: 16 MiB */
    unsigned max_depth;     /* most arrays and objects inside each other; 0: 64 */
    bool reject_duplicates; /* a key twice in one object is an error; else the last one counts */
    bool any_value;         /* text may be a bare number, string, true, false or null */
    bool indent;            /* dump: a line for each item, two spaces a level */
    bool sort_keys;         /* dump: keys in the order of their bytes */
};

#define PROA_JSON_OPTS(...) PROA_OPTS(proa_json_opts, __VA_ARGS__)

/**
 * Parse one JSON text.
 *
 * The text must be UTF-8 and hold one value and white space around it.
 *
 * Errors:       PROA_EJSON with line and column in the detail, PROA_EMSGSIZE (too long or too
 *               deep), PROA_ENOMEM.
 * Ownership:    json_decref frees the value.
 */
PROA_API int proa_json_parse(struct json_t **ret, struct proa_str text,
                             const struct proa_json_opts *opts);

/**
 * Append a value as JSON text.
 *
 * Errors:       PROA_EJSON (a value JSON has no form for, or one that contains itself),
 *               PROA_EMSGSIZE (too deep), or the buffer's failure.
 */
PROA_API int proa_json_dump(struct proa_buf *buf, const struct json_t *value,
                            const struct proa_json_opts *opts);

/**
 * Give up one reference to a value, as json_decref does; NULL is nothing.
 *
 * For code that passes values on and never looks into them, so that it needs no <jansson.h>.
 */
PROA_API void proa_json_free(struct json_t *value);

/**
 * Have jansson allocate through the hooks of proa_mem_set; to be called before the program makes
 * its first JSON value.
 */
PROA_API void proa_json_use_mem(void);

PROA_END_DECLS

#endif
