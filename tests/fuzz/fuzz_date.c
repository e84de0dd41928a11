#include "base/date.h"
#include "fuzz/fuzz.h"

#include <proa/err.h>

#include <string.h>

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("Sun, 06 Nov 1994 08:49:37 GMT"),
    FUZZ_SEED("Sunday, 06-Nov-94 08:49:37 GMT"),
    FUZZ_SEED("Sun Nov  6 08:49:37 1994"),
    FUZZ_SEED("Thu, 31 Dec 9999 23:59:60 GMT"),
    FUZZ_SEED("Sat, 29 Feb 0000 00:00:00 GMT"),
    FUZZ_SEED("Wednesday, 29-Feb-00 00:00:00 GMT"),
    {NULL, 0},
};

/* A date that is read is within the calendar (a leap second may be one beyond), and written anew it
 * is the same moment; a moment of any number is written as a date that can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct proa_str s = proa_str_make((const char *)bytes, n);
    char text[DATE_ROOM];
    int64_t now = 0, at = 0, back = 0;

    memcpy(&now, bytes, n < sizeof now ? n : sizeof now);
    if (proa__date_parse(s, now, &at) == 0) {
        FUZZ_CHECK(at >= DATE_MIN && at <= DATE_MAX + 1);
        FUZZ_CHECK(n >= 24 && n <= 33);
    } else {
        FUZZ_CHECK(at == 0);
        at = now;
    }

    proa__date_write(text, at);
    FUZZ_CHECK(strlen(text) == DATE_ROOM - 1);
    FUZZ_CHECK(proa__date_parse(proa_str_from(text), now, &back) == 0);
    FUZZ_CHECK(back == (at < DATE_MIN ? DATE_MIN : at > DATE_MAX ? DATE_MAX : at));
    return 0;
}
