#include "base/fail.h"

#include "base/ascii.h"
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Thread_local struct err_slot *proa__err_slot;

static _Thread_local struct err_slot own;

struct err_slot *proa__err_slot_now(void)
{
    return proa__err_slot ? proa__err_slot : &own;
}

/* Where to cut a text that was longer than its room: before the character that was cut in two. */
static size_t cut_point(const char *text, size_t n)
{
    size_t at = n;

    while (at > 0 && n - at < 3 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at == 0 || (unsigned char)text[at - 1] < 0xC0)
        return n; /* no character begins there: not UTF-8, or complete */

    unsigned char lead = (unsigned char)text[at - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    return n - (at - 1) < want ? at - 1 : n;
}

static int record(int rc, const char *fmt, va_list ap)
{
    struct err_slot *slot = proa__err_slot_now();
    char text[sizeof slot->text]; /* the values may lie in the slot itself */
    int n;

    PROA_CHECK(rc < 0, "a failure with code %d, which is none", rc);
    n = vsnprintf(text, sizeof text, fmt, ap);
    if (n < 0)
        text[0] = '\0';
    else if ((size_t)n >= sizeof text)
        text[cut_point(text, sizeof text - 1)] = '\0';
    ascii_scrub(text);
    memcpy(slot->text, text, sizeof text);
    slot->rc = rc;
    return rc;
}

int proa__fail(int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    rc = record(rc, fmt, ap);
    va_end(ap);
    return rc;
}

int proa_fail(int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    rc = record(rc, fmt, ap);
    va_end(ap);
    return rc;
}
