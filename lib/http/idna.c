#include "base/fail.h"
#include "http/authority.h"

#include <proa/err.h>

#ifdef HAVE_LIBIDN2
#include <idn2.h>
#include <string.h>

/* On the caller's stack: 5.6 KiB were measured for the longest names, a tenth of what a task has.
 */
enum { UTF8_NAME_MAX = 1012 }; /* four bytes for each that a DNS name can have */

int proa__idna_to_ascii(char out[HOST_TEXT_MAX], size_t *ret_n, struct proa_str name)
{
    uint8_t text[UTF8_NAME_MAX + 1];
    uint8_t *ascii = NULL;

    if (name.n > UTF8_NAME_MAX || memchr(name.p, '\0', name.n))
        return proa__fail(PROA_EURL, "a host of %zu bytes is none", name.n);
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';

    int status = idn2_lookup_u8(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status == IDN2_MALLOC)
        return PROA_ENOMEM;
    if (status != IDN2_OK)
        return proa__fail(PROA_EURL, "the host is no international domain name: %s",
                          idn2_strerror(status));

    size_t n = strlen((const char *)ascii);
    int rc = 0;
    if (n < HOST_TEXT_MAX) {
        memcpy(out, ascii, n);
        *ret_n = n;
    } else {
        rc = proa__fail(PROA_EURL, "the host is longer than 253 bytes in its IDNA form");
    }
    idn2_free(ascii);
    return rc;
}

#else

int proa__idna_to_ascii(char out[HOST_TEXT_MAX], size_t *ret_n, struct proa_str name)
{
    (void)out;
    (void)ret_n;
    (void)name;
    return proa__fail(PROA_EURL,
                      "the host has letters beyond ASCII, and this proa was built without "
                      "libidn2; give its \"xn--\" form");
}

#endif
