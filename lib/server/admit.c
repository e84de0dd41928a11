#include "base/fail.h"
#include "base/mem.h"
#include "http/headers.h"
#include "server/server.h"

#include <proa/err.h>
#include <proa/time.h>

#include <stddef.h>
#include <sys/resource.h>

/* ---- defaults ---- */

/* As many as there are descriptors for, less some for files and the program's own. */
static size_t default_connections(void)
{
    const size_t own = 64;
    struct rlimit files;
    size_t n = proa__http_limits_server.connections;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
        files.rlim_cur < n + own)
        n = files.rlim_cur > 2 * own ? files.rlim_cur - own : own;
    return n;
}

static void set_size(uint64_t *limit, size_t option)
{
    if (option)
        *limit = option == PROA_UNLIMITED ? HTTP_UNLIMITED : option;
}

static void default_time(int64_t *option, int64_t otherwise)
{
    if (*option == 0)
        *option = otherwise;
}

static void set_limits(struct proa_server *server)
{
    struct proa_server_opts *o = &server->opts;
    struct http_limits *l = &server->limits;

    *l = proa__http_limits_server;
    set_size(&l->start_line_bytes, o->max_target);
    set_size(&l->field_bytes, o->max_field);
    set_size(&l->fields, o->max_fields);
    set_size(&l->head_bytes, o->max_head);
    set_size(&l->body_rate, o->min_body_rate);
    default_time(&o->head_timeout, (int64_t)l->head_time);
    default_time(&o->tls_timeout, (int64_t)l->tls_time);
    default_time(&o->body_timeout, (int64_t)l->body_idle_time);
    default_time(&o->write_timeout, (int64_t)l->write_idle_time);
    default_time(&o->idle_timeout, (int64_t)l->keepalive_time);
    default_time(&o->drain, (int64_t)l->stop_time);
    server->drain = o->drain;
    if (!o->max_connections)
        o->max_connections = default_connections();
    if (!o->max_per_address)
        o->max_per_address = PROA_UNLIMITED;
    if (!o->max_requests)
        o->max_requests = PROA_UNLIMITED;
}

int proa__server_settings(struct proa_server *server)
{
    struct proa_str name = proa_str_from(server->opts.server_name);

    set_limits(server);
    if (!server->opts.server_name)
        return 0;
    if (!name.n || !proa__is_field_value(name))
        return proa__fail(PROA_EINVAL, "server_name may not be a header field's value");
    server->name = proa__strdup(server->opts.server_name);
    server->opts.server_name = server->name;
    return server->name ? 0 : PROA_ENOMEM;
}

/* ---- connections per address ---- */

struct address {
    size_t n;
    char text[]; /* the key in the map */
};

bool proa__server_admit(struct proa_server *server, struct proa_str text)
{
    struct address *a = proa__map_get(&server->addresses, text);

    if (a) {
        if (a->n >= server->opts.max_per_address)
            return false;
        a->n++;
        return true;
    }
    a = proa__zalloc(offsetof(struct address, text) + text.n + 1);
    if (!a)
        return false;
    memcpy(a->text, text.p, text.n);
    a->n = 1;
    if (proa__map_put(&server->addresses, proa_str_make(a->text, text.n), a, NULL) < 0) {
        proa__free(a);
        return false;
    }
    return true;
}

void proa__server_dismiss(struct proa_server *server, struct proa_str text)
{
    struct address *a = proa__map_get(&server->addresses, text);

    if (a && --a->n == 0) {
        proa__map_remove(&server->addresses, text);
        proa__free(a);
    }
}
