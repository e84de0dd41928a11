#include "http/coding.h"

#include "base/ascii.h"
#include "http/headers.h"

#include <proa/params.h>

enum coding proa__coding_from(struct proa_str token)
{
    if (proa_str_caseeq(token, PROA_STR("gzip")) || proa_str_caseeq(token, PROA_STR("x-gzip")))
        return CODING_GZIP;
    if (proa_str_caseeq(token, PROA_STR("deflate")))
        return CODING_DEFLATE;
    if (proa_str_caseeq(token, PROA_STR("identity")))
        return CODING_IDENTITY;
    return CODING_OTHER;
}

const char *proa__coding_name(enum coding coding)
{
    switch (coding) {
    case CODING_IDENTITY:
        return "identity";
    case CODING_GZIP:
        return "gzip";
    case CODING_DEFLATE:
        return "deflate";
    case CODING_OTHER:
        break;
    }
    return "";
}

/* A weight in thousandths: "0", "0.5", "1.000". What is malformed weighs nothing. */
static int read_weight(struct proa_str s)
{
    int weight;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
        return 0;
    weight = s.p[0] - '0';
    for (size_t i = 2; i < 5; i++) {
        char digit = i < s.n ? s.p[i] : '0';
        if (!ascii_is_digit(digit))
            return 0;
        weight = weight * 10 + digit - '0';
    }
    return weight <= 1000 ? weight : 0;
}

/* The weight of an element of Accept-Encoding. */
static int element_weight(struct proa_str element)
{
    struct proa_param q;
    int rc = proa_param_find(element, "q", &q);

    if (rc < 0)
        return 0;
    return rc == 0 ? 1000 : read_weight(q.value);
}

/* What a request says of codings, in thousandths; -1: nothing. */
struct wishes {
    int gzip;
    int identity;
    int any;
};

static void read_wishes(struct wishes *wishes, struct proa_str list)
{
    struct proa_str element;

    while (proa_list_next(&list, &element) > 0) {
        struct proa_str rest = element;
        struct proa_str name = proa_param_head(&rest);
        int weight = element_weight(element);

        if (proa_str_eq(name, PROA_STR("*")))
            wishes->any = weight;
        else if (proa__coding_from(name) == CODING_GZIP)
            wishes->gzip = weight;
        else if (proa__coding_from(name) == CODING_IDENTITY)
            wishes->identity = weight;
    }
}

enum coding proa__coding_choose(const struct proa_headers *request)
{
    const struct proa_header *field = proa__headers_find(request, HTTP_KNOWN_ACCEPT_ENCODING);
    struct wishes wishes = {-1, -1, -1};

    for (; field; field = proa__headers_find_next(request, field))
        read_wishes(&wishes, field->value);

    int gzip = wishes.gzip >= 0 ? wishes.gzip : wishes.any;
    if (gzip > 0 && gzip >= wishes.identity)
        return CODING_GZIP;
    if (wishes.identity == 0 || (wishes.identity < 0 && wishes.any == 0))
        return CODING_OTHER;
    return CODING_IDENTITY;
}
