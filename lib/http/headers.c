#include "http/headers.h"

#include "base/arena.h"
#include "base/fail.h"
#include "base/mem.h"
#include "http/octets.h"

#include <proa/buf.h>
#include <proa/err.h>

#include <stdarg.h>
#include <string.h>

/* A field's mark: key in the low 16 bits, known name in the next 8, then what follows. */
#define MARK_OWNED (UINT32_C(1) << 24) /* name.p is a block of ours, name and value in it */
#define MARK_GONE (UINT32_C(1) << 25)  /* about to be taken off */

#define VALUE_MAX 65536 /* bytes of a formatted value: as long as a whole head may be */

#define KEY(n, first, last)                                                                        \
    (((uint32_t)(n)&0x3f) << 10 | ((uint32_t)(first)&0x1f) << 5 | ((uint32_t)(last)&0x1f))

static uint32_t key_of(struct proa_str name)
{
    return name.n == 0 ? 0 : KEY(name.n, name.p[0], name.p[name.n - 1]);
}

/* Names mostly come spelled as they are here, so that is tried before the case is ignored. */
static enum http_known known_of(uint32_t key, struct proa_str name)
{
    struct proa_str text;
    enum http_known id;

    switch (key) {
#define X(known, literal, first, last)                                                             \
    case KEY(sizeof(literal) - 1, first, last):                                                    \
        text = PROA_STR(literal);                                                                  \
        id = HTTP_KNOWN_##known;                                                                   \
        if (name.n == sizeof(literal) - 1 && memcmp(name.p, literal, sizeof(literal) - 1) == 0)    \
            return id;                                                                             \
        break;
        HTTP_KNOWN_MAP(X)
#undef X
    default:
        return HTTP_KNOWN_NONE;
    }
    /* nearly everybody writes it as we do */
    return proa_str_eq(name, text) || proa_str_caseeq(name, text) ? id : HTTP_KNOWN_NONE;
}

enum http_known proa__header_known(struct proa_str name)
{
    return known_of(key_of(name), name);
}

/* Remember the first failure with its words, so that whoever sends the list can tell them. */
static int remember(struct proa_headers *headers, int rc)
{
    if (headers->error)
        return rc;
    headers->error = rc;
    if (rc == PROA_ENOMEM)
        return rc;

    const char *words = proa_err_detail(rc);
    headers->detail = headers->arena ? proa__arena_strndup(headers->arena, words, strlen(words))
                                     : proa__strdup(words);
    return rc;
}

int proa_headers_error(const struct proa_headers *headers)
{
    if (headers->detail)
        return proa__fail(headers->error, "%s", headers->detail);
    return headers->error;
}

int proa__headers_init(struct proa_headers *headers, struct arena *arena, size_t expected)
{
    *headers = (struct proa_headers){.arena = arena};
    if (expected == 0)
        return 0;
    headers->fields = arena_alloc(arena, expected * sizeof *headers->fields);
    if (!headers->fields)
        return PROA_ENOMEM;
    headers->room = (uint32_t)expected;
    return 0;
}

static void free_field(const struct proa_header *field)
{
    if (field->mark & MARK_OWNED)
        proa__free((char *)field->name.p);
}

void proa_headers_clear(struct proa_headers *headers)
{
    for (uint32_t i = 0; i < headers->count; i++)
        free_field(&headers->fields[i]);
    headers->count = 0;
    headers->filter = 0;
    headers->known = 0;
    headers->error = 0;
    if (!headers->arena)
        proa__free(headers->detail);
    headers->detail = NULL;
}

void proa_headers_fini(struct proa_headers *headers)
{
    proa_headers_clear(headers);
    if (!headers->arena)
        proa__free(headers->fields);
    headers->fields = NULL;
    headers->room = 0;
}

int proa__headers_grow(struct proa_headers *headers)
{
    uint32_t room = headers->room ? headers->room * 2 : 16;
    struct proa_header *fields;

    if (headers->count >= PROA_HEADERS_MAX)
        return proa__fail(PROA_EMSGSIZE, "more than %d header fields", PROA_HEADERS_MAX);

    if (headers->arena) {
        fields = arena_alloc(headers->arena, room * sizeof *fields);
        if (fields && headers->count)
            memcpy(fields, headers->fields, headers->count * sizeof *fields);
    } else {
        fields = proa__realloc_array(headers->fields, room, sizeof *fields);
    }
    if (!fields)
        return PROA_ENOMEM;

    headers->fields = fields;
    headers->room = room;
    return 0;
}

static int append(struct proa_headers *headers, struct proa_str name, struct proa_str value,
                  uint32_t mark)
{
    if (headers->count == headers->room || headers->count >= PROA_HEADERS_MAX) {
        int rc = proa__headers_grow(headers);
        if (rc < 0)
            return rc;
    }
    headers->fields[headers->count++] = (struct proa_header){
        .name = name, .value = value, .mark = mark};
    headers_note(headers, mark);
    return 0;
}

uint32_t proa__header_mark(struct proa_str name)
{
    uint32_t key = key_of(name);

    return key | (uint32_t)known_of(key, name) << 16;
}

int proa__headers_add_view(struct proa_headers *headers, struct proa_str name,
                           struct proa_str value)
{
    return append(headers, name, value, proa__header_mark(name));
}

void proa__headers_settle(struct proa_headers *headers, const char *base)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        struct proa_header *field = &headers->fields[i];
        field->name.p = base + (uintptr_t)field->name.p;
        field->value.p = base + (uintptr_t)field->value.p;
    }
}

bool proa__is_token(struct proa_str text)
{
    return text.n > 0 && octets_span(text.p, 0, text.n, OCTET_TOKEN) == text.n;
}

bool proa__is_field_value(struct proa_str text)
{
    return octets_text_end(text.p, 0, text.n) == text.n;
}

static int check(struct proa_str name, struct proa_str value)
{
    if (!proa__is_token(name))
        return proa__fail(PROA_EHEADER, "\"%.*s\" cannot be a header name",
                          PROA_PRI(proa_str_sub(name, 0, 64)));

    size_t good = octets_text_end(value.p, 0, value.n);
    if (good < value.n)
        return proa__fail(PROA_EHEADER, "header %.*s: byte %zu of its value is 0x%02x",
                          PROA_PRI(proa_str_sub(name, 0, 64)), good,
                          (unsigned)(unsigned char)value.p[good]);
    return 0;
}

/* One block: name, NUL, value, NUL. */
static char *copy(const struct proa_headers *headers, struct proa_str name, struct proa_str value)
{
    size_t n = name.n + value.n + 2;
    char *p = headers->arena ? arena_alloc_aligned(headers->arena, n, 1) : proa__alloc(n);

    if (!p)
        return NULL;
    memcpy(p, name.p, name.n);
    p[name.n] = '\0';
    if (value.n)
        memcpy(p + name.n + 1, value.p, value.n);
    p[n - 1] = '\0';
    return p;
}

/* A checked field in memory of the list's own. */
static int make(const struct proa_headers *headers, struct proa_header *ret, struct proa_str name,
                struct proa_str value)
{
    value = proa_str_trim(value);
    int rc = check(name, value);
    if (rc < 0)
        return rc;

    char *p = copy(headers, name, value);
    if (!p)
        return PROA_ENOMEM;
    *ret = (struct proa_header){
        .name = proa_str_make(p, name.n),
        .value = proa_str_make(p + name.n + 1, value.n),
        .mark = proa__header_mark(name) | (headers->arena ? 0 : MARK_OWNED),
    };
    return 0;
}

int proa_headers_add_str(struct proa_headers *headers, struct proa_str name, struct proa_str value)
{
    struct proa_header field;

    if (headers->error)
        return proa_headers_error(headers);

    int rc = make(headers, &field, name, value);
    if (rc < 0)
        return remember(headers, rc);

    rc = append(headers, field.name, field.value, field.mark);
    if (rc < 0) {
        free_field(&field);
        return remember(headers, rc);
    }
    return 0;
}

int proa_headers_add(struct proa_headers *headers, const char *name, const char *value)
{
    return proa_headers_add_str(headers, proa_str_from(name), proa_str_from(value));
}

int proa_headers_add_all(struct proa_headers *headers, const struct proa_headers *from)
{
    int rc = proa_headers_error(from);
    if (rc < 0)
        return headers->error ? proa_headers_error(headers) : remember(headers, rc);

    for (uint32_t i = 0, n = from->count; i < n && rc == 0; i++)
        rc = proa_headers_add_str(headers, from->fields[i].name, from->fields[i].value);
    return rc;
}

/* The first field of this name at place `i` or behind it. */
static uint32_t find_from(const struct proa_headers *headers, uint32_t i, uint32_t key,
                          struct proa_str name)
{
    for (; i < headers->count; i++) {
        const struct proa_header *field = &headers->fields[i];
        if ((field->mark & 0xffff) == key && proa_str_caseeq(field->name, name))
            return i;
    }
    return headers->count;
}

static uint32_t find(const struct proa_headers *headers, struct proa_str name)
{
    uint32_t key = key_of(name);

    if (!(headers->filter & headers_filter_bit(key)))
        return headers->count;
    return find_from(headers, 0, key, name);
}

/* Take off all fields of a name from place `from` on; returns how many. The name may be one of
 * theirs, so nothing is freed before all are found. */
static size_t remove_from(struct proa_headers *headers, uint32_t from, struct proa_str name)
{
    uint32_t key = key_of(name);
    uint32_t kept = 0;

    for (uint32_t i = from; (i = find_from(headers, i, key, name)) < headers->count; i++)
        headers->fields[i].mark |= MARK_GONE;

    headers->filter = 0;
    headers->known = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        struct proa_header field = headers->fields[i];
        if (field.mark & MARK_GONE) {
            free_field(&field);
        } else {
            headers_note(headers, field.mark);
            headers->fields[kept++] = field;
        }
    }

    size_t gone = headers->count - kept;
    headers->count = kept;
    return gone;
}

static int set(struct proa_headers *headers, struct proa_str name, struct proa_str value)
{
    if (headers->error)
        return proa_headers_error(headers);

    uint32_t at = find(headers, name);
    if (at == headers->count)
        return proa_headers_add_str(headers, name, value);

    struct proa_header field;
    int rc = make(headers, &field, name, value);
    if (rc < 0)
        return remember(headers, rc);

    struct proa_header old = headers->fields[at];
    headers->fields[at] = field;
    remove_from(headers, at + 1, field.name);
    free_field(&old); /* last: name and value may have been slices of it */
    return 0;
}

int proa_headers_set(struct proa_headers *headers, const char *name, const char *value)
{
    return set(headers, proa_str_from(name), proa_str_from(value));
}

typedef int store_fn(struct proa_headers *headers, struct proa_str name, struct proa_str value);

static int store_formatted(struct proa_headers *headers, store_fn *store, const char *name,
                           const char *format, va_list ap)
{
    struct proa_buf text;
    int rc;

    proa_buf_init(&text, VALUE_MAX);
    rc = proa_buf_vappendf(&text, format, ap);
    if (rc < 0)
        rc = remember(headers, rc);
    else
        rc = store(headers, proa_str_from(name), proa_buf_str(&text));
    proa_buf_fini(&text);
    return rc;
}

int proa_headers_setf(struct proa_headers *headers, const char *name, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int rc = store_formatted(headers, set, name, format, ap);
    va_end(ap);
    return rc;
}

int proa_headers_addf(struct proa_headers *headers, const char *name, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int rc = store_formatted(headers, proa_headers_add_str, name, format, ap);
    va_end(ap);
    return rc;
}

size_t proa_headers_remove(struct proa_headers *headers, const char *name)
{
    struct proa_str s = proa_str_from(name);
    uint32_t at = find(headers, s);

    return at == headers->count ? 0 : remove_from(headers, at, s);
}

const struct proa_header *proa_headers_at(const struct proa_headers *headers, size_t i)
{
    return i < headers->count ? &headers->fields[i] : NULL;
}

const struct proa_header *proa_headers_next(const struct proa_headers *headers, const char *name,
                                            const struct proa_header *after)
{
    struct proa_str s = proa_str_from(name);
    uint32_t at = after ? find_from(headers, (uint32_t)(after - headers->fields) + 1, key_of(s), s)
                        : find(headers, s);

    return proa_headers_at(headers, at);
}

struct proa_str proa_headers_get(const struct proa_headers *headers, const char *name)
{
    const struct proa_header *field = proa_headers_next(headers, name, NULL);

    return field ? field->value : (struct proa_str){0};
}

size_t proa_headers_count(const struct proa_headers *headers, const char *name)
{
    const struct proa_header *field = NULL;
    size_t n = 0;

    while ((field = proa_headers_next(headers, name, field)))
        n++;
    return n;
}

bool proa_headers_has_token(const struct proa_headers *headers, const char *name, const char *token)
{
    const struct proa_header *field = NULL;

    while ((field = proa_headers_next(headers, name, field)))
        if (proa__list_has_token(field->value, proa_str_from(token)))
            return true;
    return false;
}

static const struct proa_header *known_from(const struct proa_headers *headers, uint32_t i,
                                            enum http_known name)
{
    for (; i < headers->count; i++)
        if (proa__header_id(&headers->fields[i]) == name)
            return &headers->fields[i];
    return NULL;
}

const struct proa_header *proa__headers_find(const struct proa_headers *headers,
                                             enum http_known name)
{
    return proa__headers_has(headers, name) ? known_from(headers, 0, name) : NULL;
}

const struct proa_header *proa__headers_find_next(const struct proa_headers *headers,
                                                  const struct proa_header *after)
{
    return known_from(headers, (uint32_t)(after - headers->fields) + 1, proa__header_id(after));
}

bool proa__headers_find_token(const struct proa_headers *headers, enum http_known name,
                              struct proa_str token)
{
    const struct proa_header *field = proa__headers_find(headers, name);

    for (; field; field = proa__headers_find_next(headers, field))
        if (proa__list_has_token(field->value, token))
            return true;
    return false;
}
