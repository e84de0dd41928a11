#include <proa/http.h>

enum proa_method proa_method_from(struct proa_str text)
{
#define X(name, number, flags)                                                                     \
    if (proa_str_eq(text, PROA_STR(#name)))                                                        \
        return PROA_METHOD_##name;
    PROA_METHOD_MAP(X)
#undef X
    return PROA_METHOD_OTHER;
}

const char *proa_method_name(enum proa_method method)
{
    switch (method) {
#define X(name, number, flags)                                                                     \
    case PROA_METHOD_##name:                                                                       \
        return #name;
        PROA_METHOD_MAP(X)
#undef X
    case PROA_METHOD_OTHER:
        break;
    }
    return "";
}

static int method_flags(enum proa_method method)
{
    switch (method) {
#define X(name, number, flags)                                                                     \
    case PROA_METHOD_##name:                                                                       \
        return flags;
        PROA_METHOD_MAP(X)
#undef X
    case PROA_METHOD_OTHER:
        break;
    }
    return 0;
}

bool proa_method_is_safe(enum proa_method method)
{
    return method_flags(method) & PROA_METHOD_SAFE;
}

bool proa_method_is_idempotent(enum proa_method method)
{
    return method_flags(method) & PROA_METHOD_IDEMPOTENT;
}

const char *proa_status_reason(int status)
{
    switch (status) {
#define X(name, number, reason)                                                                    \
    case number:                                                                                   \
        return reason;
        PROA_STATUS_MAP(X)
#undef X
    default:
        return "";
    }
}

bool proa_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 205 && status != 304;
}

bool proa_status_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* What stands for a byte in HTML; NULL: the byte itself. */
static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

int proa_html_append(struct proa_buf *buf, struct proa_str text)
{
    size_t plain = 0; /* bytes before i that were not appended yet */

    for (size_t i = 0; i < text.n; i++) {
        const char *entity = html_entity(text.p[i]);
        if (!entity)
            continue;
        proa_buf_append(buf, text.p + plain, i - plain);
        proa_buf_append_str(buf, proa_str_from(entity));
        plain = i + 1;
    }
    if (plain < text.n)
        proa_buf_append(buf, text.p + plain, text.n - plain);
    return proa_buf_error(buf);
}
