#include "base/log.h"

#include "base/ascii.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
    LOG_TEXT = 500
}; /* bytes of a message with its NUL: two lines of a terminal, and small on a stack */

static proa_log_fn *sink; /* NULL: standard error */
static void *sink_arg;
static atomic_int least = PROA_LOG_WARNING;

static const char *const names[] = {
    [PROA_LOG_ERROR] = "error",
    [PROA_LOG_WARNING] = "warning",
    [PROA_LOG_INFO] = "info",
    [PROA_LOG_DEBUG] = "debug",
};

void proa_log_set(proa_log_fn *fn, void *arg)
{
    sink = fn;
    sink_arg = arg;
}

void proa_log_set_level(enum proa_log_level level)
{
    atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

bool proa__log_wanted(enum proa_log_level level)
{
    return (int)level <= atomic_load_explicit(&least, memory_order_relaxed);
}

/* One write, so that lines of several threads or workers do not mix. */
static void write_line(enum proa_log_level level, const char *text)
{
    char line[LOG_TEXT + 32];
    int n = snprintf(line, sizeof line, "proa: %s: %s\n", names[level], text);

    if (write(STDERR_FILENO, line, (size_t)n) < 0) {
        /* nobody listens; there is no other place to say so */
    }
}

void proa__log(enum proa_log_level level, const char *fmt, ...)
{
    int saved = errno;
    char text[LOG_TEXT];
    va_list ap;

    if (!proa__log_wanted(level))
        return;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof text, fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    ascii_scrub(text);
    if (sink)
        sink(level, text, sink_arg);
    else
        write_line(level, text);
    errno = saved;
}
