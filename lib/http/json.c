#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"

#include <proa/err.h>
#include <proa/json.h>
#include <proa/loop.h>

#include <jansson.h>

/*
 * jansson goes one level deeper in the stack with each level of the text, and prints floating
 * point: it runs on the big stack. How deep it may go is counted here, outside of it, so that a
 * text of brackets is refused before anything is allocated.
 */

#define BYTES_MAX (16 * 1024 * 1024) /* of a text: a program that wants more of one says so */
#define DEPTH_MAX 64 /* real texts have ten; json_decref, on any stack, goes as deep */

/* Counts brackets outside of strings; the text comes in any pieces. */
struct depth {
    size_t now;
    size_t max;
    bool in_string;
    bool escaped;
};

static bool depth_exceeds(struct depth *depth, struct proa_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (depth->escaped) {
            depth->escaped = false;
        } else if (depth->in_string) {
            depth->escaped = c == '\\';
            depth->in_string = c != '"';
        } else if (c == '"') {
            depth->in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth->now > depth->max)
                return true;
        } else if ((c == ']' || c == '}') && depth->now > 0) {
            depth->now--;
        }
    }
    return false;
}

static int too_deep(const struct proa_json_opts *opts)
{
    return proa__fail(PROA_EMSGSIZE, "more than %u JSON arrays and objects inside each other",
                      opts->max_depth);
}

static int read_opts(struct proa_json_opts *ret, const struct proa_json_opts *opts)
{
    int rc = proa__opts_copy(ret, sizeof *ret, opts);
    if (rc < 0)
        return rc;
    if (ret->max_bytes == 0)
        ret->max_bytes = BYTES_MAX;
    if (ret->max_depth == 0)
        ret->max_depth = DEPTH_MAX;
    return 0;
}

/* Did an allocation fail in this call? jansson says that in many ways, or not at all. */
static _Thread_local bool starved;

struct parse_call {
    struct proa_str text;
    size_t flags;
    json_t *value;
    json_error_t error;
};

static int parse(void *arg)
{
    struct parse_call *call = arg;

    call->value = json_loadb(call->text.p ? call->text.p : "", call->text.n, call->flags,
                             &call->error);
    return 0;
}

static int parse_failure(const json_error_t *error)
{
    if (starved || json_error_code(error) == json_error_out_of_memory)
        return PROA_ENOMEM;
    return proa__fail(PROA_EJSON, "JSON, line %d, column %d: %s", error->line, error->column,
                      error->text);
}

int proa_json_parse(struct json_t **ret, struct proa_str text, const struct proa_json_opts *opts)
{
    struct proa_json_opts o;
    int rc = read_opts(&o, opts);
    if (rc < 0)
        return rc;

    struct depth depth = {.max = o.max_depth};
    if (text.n > o.max_bytes)
        return proa__fail(PROA_EMSGSIZE, "a JSON text of %zu bytes, more than %zu", text.n,
                          o.max_bytes);
    if (depth_exceeds(&depth, text))
        return too_deep(&o);

    struct parse_call call = {
        .text = text,
        .flags = (o.reject_duplicates ? JSON_REJECT_DUPLICATES : 0) |
                 (o.any_value ? JSON_DECODE_ANY : 0),
    };
    starved = false;
    proa_call_on_big_stack(parse, &call);
    if (!call.value)
        return parse_failure(&call.error);
    *ret = call.value;
    return 0;
}

struct dump_call {
    struct proa_buf *buf;
    const json_t *value;
    size_t flags;
    struct depth depth;
    bool too_deep;
    int rc;
};

static int take(const char *bytes, size_t n, void *arg)
{
    struct dump_call *call = arg;

    call->too_deep = depth_exceeds(&call->depth, proa_str_make(bytes, n));
    return call->too_deep || proa_buf_append(call->buf, bytes, n) < 0 ? -1 : 0;
}

static int dump(void *arg)
{
    struct dump_call *call = arg;

    call->rc = json_dump_callback(call->value, take, call, call->flags);
    return 0;
}

int proa_json_dump(struct proa_buf *buf, const struct json_t *value,
                   const struct proa_json_opts *opts)
{
    struct proa_json_opts o;
    int rc = read_opts(&o, opts);
    if (rc == 0)
        rc = proa_buf_error(buf);
    if (rc < 0)
        return rc;

    struct dump_call call = {
        .buf = buf,
        .value = value,
        .flags = JSON_ENCODE_ANY | (o.indent ? JSON_INDENT(2) : JSON_COMPACT) |
                 (o.sort_keys ? JSON_SORT_KEYS : 0),
        .depth = {.max = o.max_depth},
    };
    size_t before = buf->n;
    starved = false;
    proa_call_on_big_stack(dump, &call);
    if (call.rc == 0)
        return 0;

    proa_buf_truncate(buf, before);
    if (proa_buf_error(buf) < 0)
        return proa_buf_error(buf);
    if (call.too_deep)
        return too_deep(&o);
    if (starved)
        return PROA_ENOMEM;
    return proa__fail(PROA_EJSON,
                      "the value cannot be written as JSON: it contains itself, or has a "
                      "number that is none");
}

void proa_json_free(struct json_t *value)
{
    json_decref(value);
}

static void *alloc(size_t n)
{
    void *p = proa__alloc(n);

    starved |= !p;
    return p;
}

void proa_json_use_mem(void)
{
    json_set_alloc_funcs(alloc, proa__free);
}
