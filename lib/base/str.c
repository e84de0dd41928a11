#include "base/ascii.h"
#include "base/mem.h"

#include <proa/err.h>
#include <proa/str.h>

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Eight bytes at once: they may differ in the bit that makes a letter small, where there is a
 * letter. */
static bool caseeq_word(const char *a, const char *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    uint64_t differ = x ^ y;
    if (differ == 0)
        return true;
    if (differ & ~EACH_BYTE(0x20))
        return false;

    uint64_t small = (x | EACH_BYTE(0x20)) & EACH_BYTE(0x7f);
    uint64_t from_a = small + EACH_BYTE(0x80 - 'a'); /* the top bit of each byte that is >= 'a' */
    uint64_t beyond_z = small + EACH_BYTE(0x80 - 'z' - 1); /* and of each that is > 'z' */
    uint64_t letters = from_a & ~beyond_z & ~x & EACH_BYTE(0x80);
    return (differ << 2 & ~letters) == 0;
}

static bool caseeq(const char *a, const char *b, size_t n)
{
    size_t i = 0;

    for (; n - i >= 8; i += 8)
        if (!caseeq_word(a + i, b + i))
            return false;
    if (i > 0 && i < n)
        return caseeq_word(a + n - 8, b + n - 8); /* some of them once more */
    for (; i < n; i++)
        if (a[i] != b[i] && ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

bool proa_str_caseeq(struct proa_str a, struct proa_str b)
{
    return a.n == b.n && caseeq(a.p, b.p, a.n);
}

bool proa_str_casestarts(struct proa_str s, struct proa_str prefix)
{
    return s.n >= prefix.n && caseeq(s.p, prefix.p, prefix.n);
}

int proa_str_cmp(struct proa_str a, struct proa_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct proa_str proa_str_trim(struct proa_str s)
{
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

size_t proa_str_find(struct proa_str s, char byte)
{
    const char *at = s.n ? memchr(s.p, byte, s.n) : NULL;

    return at ? (size_t)(at - s.p) : PROA_STR_NONE;
}

size_t proa_str_rfind(struct proa_str s, char byte)
{
    const char *at = s.n ? memrchr(s.p, byte, s.n) : NULL;

    return at ? (size_t)(at - s.p) : PROA_STR_NONE;
}

size_t proa_str_search(struct proa_str s, struct proa_str what)
{
    if (what.n == 0)
        return 0;

    const char *at = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at ? (size_t)(at - s.p) : PROA_STR_NONE;
}

bool proa_str_next(struct proa_str *rest, char separator, struct proa_str *ret)
{
    if (rest->n == 0)
        return false;

    size_t at = proa_str_find(*rest, separator);
    *ret = proa_str_sub(*rest, 0, at);
    *rest = at == PROA_STR_NONE ? proa_str_sub(*rest, rest->n, 0)
                                : proa_str_sub(*rest, at + 1, PROA_UNLIMITED);
    return true;
}

static int parse(struct proa_str s, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;

    if (s.n == 0)
        return PROA_EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return PROA_EINVAL;
    }
    for (size_t i = 0; i < s.n; i++)
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (uint64_t)ascii_hex(s.p[i]), &value))
            return PROA_ERANGE;
    *ret = value;
    return 0;
}

int proa_str_parse_uint(struct proa_str s, uint64_t *ret)
{
    return parse(s, 10, ret);
}

int proa_str_parse_hex(struct proa_str s, uint64_t *ret)
{
    return parse(s, 16, ret);
}

int proa_str_parse_int(struct proa_str s, int64_t *ret)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t size;
    int rc = parse(minus ? proa_str_sub(s, 1, PROA_UNLIMITED) : s, 10, &size);

    if (rc < 0)
        return rc;
    if (size > (uint64_t)INT64_MAX + minus)
        return PROA_ERANGE;
    *ret = minus ? (int64_t)(0 - size) : (int64_t)size;
    return 0;
}

char *proa_str_dup(struct proa_str s)
{
    return proa__strndup(s.p, s.n);
}
