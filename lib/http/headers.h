#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

/*
 * headers: the header list from inside: filled by the parser without copies, asked by number.
 *
 * A field's key is made of its name's length, first and last letter. Each known name has a key of
 * its own (two with the same would be the same case label twice), so a parsed name is recognized by
 * one switch and one comparison, and "is it there" is one bit of the list. Floor: http.
 */

#include <proa/headers.h>

/* X(ID, "Name", first letter, last letter), the letters in lower case. At most 31 names: a bit
 * each. */
#define HTTP_KNOWN_MAP(X)                                                                          \
    X(ACCEPT, "Accept", 'a', 't')                                                                  \
    X(ACCEPT_ENCODING, "Accept-Encoding", 'a', 'g')                                                \
    X(ALLOW, "Allow", 'a', 'w')                                                                    \
    X(AUTHORIZATION, "Authorization", 'a', 'n')                                                    \
    X(CONNECTION, "Connection", 'c', 'n')                                                          \
    X(CONTENT_ENCODING, "Content-Encoding", 'c', 'g')                                              \
    X(CONTENT_LENGTH, "Content-Length", 'c', 'h')                                                  \
    X(CONTENT_RANGE, "Content-Range", 'c', 'e')                                                    \
    X(CONTENT_TYPE, "Content-Type", 'c', 'e')                                                      \
    X(COOKIE, "Cookie", 'c', 'e')                                                                  \
    X(DATE, "Date", 'd', 'e')                                                                      \
    X(EXPECT, "Expect", 'e', 't')                                                                  \
    X(HOST, "Host", 'h', 't')                                                                      \
    X(IF_MODIFIED_SINCE, "If-Modified-Since", 'i', 'e')                                            \
    X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since", 'i', 'e')                                        \
    X(KEEP_ALIVE, "Keep-Alive", 'k', 'e')                                                          \
    X(LOCATION, "Location", 'l', 'n')                                                              \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization", 'p', 'n')                                        \
    X(RANGE, "Range", 'r', 'e')                                                                    \
    X(RETRY_AFTER, "Retry-After", 'r', 'r')                                                        \
    X(SERVER, "Server", 's', 'r')                                                                  \
    X(SET_COOKIE, "Set-Cookie", 's', 'e')                                                          \
    X(TE, "TE", 't', 'e')                                                                          \
    X(TRAILER, "Trailer", 't', 'r')                                                                \
    X(TRANSFER_ENCODING, "Transfer-Encoding", 't', 'g')                                            \
    X(UPGRADE, "Upgrade", 'u', 'e')                                                                \
    X(USER_AGENT, "User-Agent", 'u', 't')                                                          \
    X(VARY, "Vary", 'v', 'y')

enum http_known {
    HTTP_KNOWN_NONE = 0,
#define X(id, text, first, last) HTTP_KNOWN_##id,
    HTTP_KNOWN_MAP(X)
#undef X
        HTTP_KNOWN_END
};

/* Which of the known names this is; ASCII case is ignored. HTTP_KNOWN_NONE if it is another. */
enum http_known proa__header_known(struct proa_str name);

/* Take the fields of an empty list and all later copies from `arena`; room for `expected` of them
 * at first. Freed with the arena. */
int proa__headers_init(struct proa_headers *headers, struct arena *arena, size_t expected);

/* Append a field as it stands in a parsed head: checked and trimmed already, and living as long as
 * the list. */
int proa__headers_add_view(struct proa_headers *headers, struct proa_str name,
                           struct proa_str value);

/* What a name's field is found by: key in the low 16 bits, known name in the next 8. */
uint32_t proa__header_mark(struct proa_str name);

/* Make room for one more field. PROA_ENOMEM, PROA_EMSGSIZE. */
int proa__headers_grow(struct proa_headers *headers);

static inline uint64_t headers_filter_bit(uint32_t key)
{
    return UINT64_C(1) << (key * UINT32_C(0x9e3779b1) >> 26);
}

static inline void headers_note(struct proa_headers *headers, uint32_t mark)
{
    headers->filter |= headers_filter_bit(mark & 0xffff);
    headers->known |= UINT32_C(1) << (mark >> 16 & 0xff) & ~UINT32_C(1);
}

/*
 * The same while the head's bytes may still move: name and value are kept as offsets from `base`.
 * Such a list may be asked for nothing but known names until proa__headers_settle has been told
 * where the bytes stand for good. Returns the name's number, HTTP_KNOWN_NONE included, or a code.
 * Every header line of every message comes this way, so it is inline.
 */
static inline int proa__headers_add_at(struct proa_headers *headers, const char *base,
                                       struct proa_str name, struct proa_str value)
{
    if (headers->count == headers->room) {
        int rc = proa__headers_grow(headers);
        if (rc < 0)
            return rc;
    }

    struct proa_header *field = &headers->fields[headers->count++];
    uint32_t mark = proa__header_mark(name);
    field->name.p = (const char *)((uintptr_t)name.p - (uintptr_t)base);
    field->name.n = name.n;
    field->value.p = (const char *)((uintptr_t)value.p - (uintptr_t)base);
    field->value.n = value.n;
    field->mark = mark;
    headers_note(headers, mark);
    return (int)(mark >> 16);
}

void proa__headers_settle(struct proa_headers *headers, const char *base);

/* The first field of a known name, or NULL. One test where there is none. */
const struct proa_header *proa__headers_find(const struct proa_headers *headers,
                                             enum http_known name);

/* The next field of the same known name behind `after`, or NULL. */
const struct proa_header *proa__headers_find_next(const struct proa_headers *headers,
                                                  const struct proa_header *after);

/* The known name of a field of a list. */
static inline enum http_known proa__header_id(const struct proa_header *header)
{
    return (enum http_known)(header->mark >> 16 & 0xff);
}

/* Whether the list has a field of a known name. */
static inline bool proa__headers_has(const struct proa_headers *headers, enum http_known name)
{
    return headers->known >> name & 1;
}

/* Whether any field of a known name holds `token` in its comma-separated list. */
bool proa__headers_find_token(const struct proa_headers *headers, enum http_known name,
                              struct proa_str token);

/* Whether one list value holds `token`: "a, Close" holds "close". Its quoted strings are not looked
 * into. */
bool proa__list_has_token(struct proa_str list, struct proa_str token);

/* A name that may be sent: one or more token characters. */
bool proa__is_token(struct proa_str text);

/* A value that may be sent: no control character but the tab. */
bool proa__is_field_value(struct proa_str text);

#endif
