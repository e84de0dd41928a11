#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "client/connection.h"
#include "http/writer.h"

#include <proa/err.h>
#include <proa/http.h>
#include <proa/version.h>

int proa__connection_asks(struct proa_str method)
{
    switch (proa_method_from(method)) {
    case PROA_METHOD_HEAD:
        return ASKED_HEAD;
    case PROA_METHOD_CONNECT:
        return proa__fail(PROA_ESTARTLINE, "CONNECT opens a tunnel, and a client has none here");
    default:
        return 0;
    }
}

/* The fields that a request gets unless it has them. */
static int complete_headers(struct proa_headers *all, const struct proa_headers *given)
{
    if (given)
        proa_headers_add_all(all, given);
    if (!proa_headers_get(all, "Accept").p)
        proa_headers_add(all, "Accept", "*/*");
    if (!proa_headers_get(all, "User-Agent").p)
        proa_headers_addf(all, "User-Agent", "proa/%s", proa_version());
    return proa_headers_error(all);
}

static int render(struct proa_prepared **ret, struct proa_str method, const struct proa_url *url,
                  const struct proa_headers *headers, struct proa_str body)
{
    PROA_AUTO(proa_buf) text = {0};
    struct body_out frame;
    int asked = proa__connection_asks(method);

    if (asked < 0)
        return asked;
    proa_buf_init(&text, PROA_UNLIMITED);
    int rc = proa__request_head(&text, &frame,
                                &(struct request_head){.method = method,
                                                       .target = url->target,
                                                       .host = url->authority,
                                                       .headers = headers,
                                                       .length = body.n});
    if (rc < 0)
        return rc;
    proa_buf_append_str(&text, body);
    if (proa_buf_error(&text) < 0)
        return proa_buf_error(&text);

    struct proa_prepared *p = proa__alloc(sizeof *p + text.n);
    if (!p)
        return PROA_ENOMEM;
    p->magic = MAGIC_PREPARED;
    p->asked = (uint8_t)asked;
    p->n = text.n;
    memcpy(p->bytes, text.p, text.n);
    *ret = p;
    return 0;
}

int proa_prepared_new(struct proa_prepared **ret, const char *method, const char *url_text,
                      const struct proa_headers *headers, struct proa_str body)
{
    struct proa_headers all = {0};
    struct proa_url url;
    int rc = proa_url_parse(&url, proa_str_from(url_text));

    if (rc < 0)
        return rc;
    if (proa_str_eq(url.scheme, PROA_STR("http")) || proa_str_eq(url.scheme, PROA_STR("https")))
        rc = complete_headers(&all, headers);
    else
        rc = proa__fail(PROA_EURL, "%s: only http and https can be fetched", url_text);
    if (rc == 0)
        rc = render(ret, proa_str_from(method), &url, &all, body);
    proa_headers_fini(&all);
    proa_url_fini(&url);
    return rc;
}

void proa_prepared_free(struct proa_prepared *p)
{
    if (!p)
        return;
    PROA_CHECK_OBJ(p, MAGIC_PREPARED);
    p->magic = 0;
    proa__free(p);
}

size_t proa_prepared_size(const struct proa_prepared *p)
{
    return p->n;
}
