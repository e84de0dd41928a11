#include "apps/common/listen.h"

#include <proa/err.h>
#include <proa/str.h>

#include <stdio.h>
#include <string.h>

static int refuse(const char *text, const char *why)
{
    fprintf(stderr, "%s: bad address '%s': %s; wanted ADDR:PORT, as in 127.0.0.1:8080 or [::1]:0\n",
            program_invocation_short_name, text, why);
    return -1;
}

/* "host" of "host:port" or "[host]:port" into `host`. */
static int split(const char *text, char *host, size_t size, int *port)
{
    const char *colon = strrchr(text, ':');
    uint64_t n;

    if (!colon)
        return refuse(text, "no port");
    if (proa_str_parse_uint(proa_str_from(colon + 1), &n) < 0 || n > 65535)
        return refuse(text, "the port is no number from 0 to 65535");

    size_t length = (size_t)(colon - text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    } else if (memchr(text, ':', length)) {
        return refuse(text, "an IPv6 address stands in brackets");
    }
    if (length >= size)
        return refuse(text, "too long");
    memcpy(host, text, length);
    host[length] = 0;
    *port = (int)n;
    return 0;
}

int listen_add(struct listen_opts *l, const char *text)
{
    if (l->n == LISTEN_MAX) {
        fprintf(stderr, "%s: more than %d addresses to listen on\n", program_invocation_short_name,
                LISTEN_MAX);
        return -1;
    }
    struct proa_bind *bind = &l->binds[l->n];
    char *host = l->hosts[l->n];

    l->secure[l->n] = strncmp(text, "https://", 8) == 0;
    l->has_scheme[l->n] = l->secure[l->n] || strncmp(text, "http://", 7) == 0;
    if (l->has_scheme[l->n])
        text += l->secure[l->n] ? 8 : 7;
    if (strncmp(text, "unix:", 5) == 0) {
        if (!text[5] || strlen(text + 5) >= sizeof l->hosts[0])
            return refuse(text, "an empty or too long path");
        strcpy(host, text + 5);
        bind->unix_path = host;
    } else {
        if (split(text, host, sizeof l->hosts[0], &bind->port) < 0)
            return -1;
        bind->host = *host ? host : "*";
    }
    l->n++;
    return 0;
}

int listen_resolve(struct listen_opts *l, const char *fallback, struct proa_tls_ctx **ret_tls)
{
    bool secure = false;

    if (!l->n && listen_add(l, fallback) < 0)
        return PROA_EINVAL;
    for (size_t i = 0; i < l->n; i++) {
        if (!l->has_scheme[i])
            l->secure[i] = l->cert != NULL;
        secure = secure || l->secure[i];
    }
    if (!secure)
        return 0;
    if (!l->cert)
        return proa_fail(PROA_EINVAL, "an https:// address needs --tls-cert and --tls-key");
    int rc = proa_tls_server_ctx_new(ret_tls,
                                     PROA_TLS_SERVER_OPTS(.cert_file = l->cert, .key_file = l->key,
                                                          .alpn = "http/1.1,http/1.0"));
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < l->n; i++)
        l->binds[i].tls = l->secure[i] ? *ret_tls : NULL;
    return 0;
}

void listen_announce(void *arg, const char *url)
{
    (void)arg;
    printf("listening on %s\n", url);
    fflush(stdout);
}
