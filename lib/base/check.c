#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHECK_LINE = 500 };

static const char *nobody(void)
{
    return "";
}

const char *(*proa__check_who)(void) = nobody;

void proa__check_failed(const char *file, int line, const char *fmt, ...)
{
    const char *who = proa__check_who();
    char text[CHECK_LINE];
    va_list ap;
    int n;

    n = snprintf(text, sizeof text, "proa: ");
    va_start(ap, fmt);
    n += vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    if (n < CHECK_LINE)
        n += snprintf(text + n, sizeof text - (size_t)n, " (%s%s%s%s:%d)", *who ? "task " : "", who,
                      *who ? "; " : "", file, line);
    if (n >= CHECK_LINE)
        n = CHECK_LINE - 1;
    text[n] = '\n'; /* over the NUL: from here on the length is what counts */
    if (write(STDERR_FILENO, text, (size_t)n + 1) < 0) {
        /* nobody is left to be told */
    }
    abort();
}
