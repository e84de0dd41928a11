#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "server/router.h"
#include "server/server.h"

#include <proa/app.h>
#include <proa/err.h>
#include <proa/group.h>
#include <proa/scope.h>
#include <proa/sync.h>
#include <proa/time.h>

enum { APP_MAX_BODY = 1 << 20 };

int proa_app_new(struct proa_app **ret, const struct proa_app_opts *opts)
{
    struct proa_app_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    struct proa_app *app = proa__zalloc(sizeof *app);
    if (!app)
        return PROA_ENOMEM;
    app->magic = MAGIC_APP;
    app->max_body = o.max_body ? o.max_body : APP_MAX_BODY;
    app->no_gzip = o.no_gzip;
    app->router = proa__router_new();
    if (!app->router) {
        proa__free(app);
        return PROA_ENOMEM;
    }
    *ret = app;
    return 0;
}

void proa_app_free(struct proa_app *app)
{
    if (!app)
        return;
    PROA_CHECK_OBJ(app, MAGIC_APP);
    PROA_CHECK(!app->servers, "app freed while a server uses it; proa_server_stop first");
    proa__router_free(app->router);
    proa__free(app->detail);
    app->magic = 0;
    proa__free(app);
}

int proa_app_error(const struct proa_app *app)
{
    if (!app)
        return PROA_ENOMEM;
    return app->error < 0 && app->detail ? proa__fail(app->error, "%s", app->detail) : app->error;
}

void proa_app_route(struct proa_app *app, const char *method, const char *pattern,
                    proa_handler_fn *fn, void *arg, const struct proa_route_opts *opts)
{
    struct proa_route_opts o;

    if (!app || app->error < 0)
        return;
    PROA_CHECK_OBJ(app, MAGIC_APP);
    int rc = proa__opts_copy(&o, sizeof o, opts);
    if (rc == 0)
        rc = proa__router_add(app->router, method, pattern, fn, arg, &o);
    if (rc < 0) {
        app->error = rc;
        app->detail = proa__strdup(proa_err_detail(rc));
    }
}

void proa_app_get(struct proa_app *app, const char *pattern, proa_handler_fn *fn, void *arg)
{
    proa_app_route(app, "GET", pattern, fn, arg, NULL);
}

void proa_app_post(struct proa_app *app, const char *pattern, proa_handler_fn *fn, void *arg)
{
    proa_app_route(app, "POST", pattern, fn, arg, NULL);
}

void proa_app_put(struct proa_app *app, const char *pattern, proa_handler_fn *fn, void *arg)
{
    proa_app_route(app, "PUT", pattern, fn, arg, NULL);
}

void proa_app_patch(struct proa_app *app, const char *pattern, proa_handler_fn *fn, void *arg)
{
    proa_app_route(app, "PATCH", pattern, fn, arg, NULL);
}

void proa_app_delete(struct proa_app *app, const char *pattern, proa_handler_fn *fn, void *arg)
{
    proa_app_route(app, "DELETE", pattern, fn, arg, NULL);
}
