#include <proa/buf.h>
#include <proa/server.h>

#include <stdio.h>
#include <time.h>

enum { ACCESS_FIELD_MAX = 2048 }; /* bytes of one quoted text in a line */

/* Printable ASCII as it is, everything else (and the quote and the backslash) as \xHH. */
static void append_escaped(struct proa_buf *line, struct proa_str text)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < text.n && i < ACCESS_FIELD_MAX; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            proa_buf_append(line, &text.p[i], 1);
        else
            proa_buf_append(line, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
    }
}

static void append_quoted(struct proa_buf *line, struct proa_str text)
{
    proa_buf_append(line, " \"", 2);
    append_escaped(line, text.n ? text : PROA_STR("-"));
    proa_buf_append(line, "\"", 1);
}

void proa_access_log_stderr(void *arg, const struct proa_access *a)
{
    PROA_AUTO(proa_buf) line = {0};
    char when[32];
    struct tm tm;
    time_t t = (time_t)a->when;

    (void)arg;
    gmtime_r(&t, &tm);
    strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    proa_buf_init(&line, 64 * 1024);
    append_escaped(&line, a->peer.n ? a->peer : PROA_STR("-"));
    proa_buf_appendf(&line, " - - [%s] \"", when);
    append_escaped(&line, a->method.n ? a->method : PROA_STR("-"));
    proa_buf_append(&line, " ", 1);
    append_escaped(&line, a->target.n ? a->target : PROA_STR("-"));
    proa_buf_appendf(&line, " HTTP/1.%d\" %d %llu", a->version_minor, a->status,
                     (unsigned long long)a->body_bytes);
    append_quoted(&line, a->referer);
    append_quoted(&line, a->user_agent);
    proa_buf_appendf(&line, " %lld.%03lldms\n", (long long)(a->duration / 1000000),
                     (long long)(a->duration / 1000 % 1000));
    fwrite(proa_buf_str(&line).p, 1, proa_buf_str(&line).n, stderr);
}
