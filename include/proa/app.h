#ifndef PROA_APP_H
#define PROA_APP_H

/*
 * app: routes and handlers of a web service, and the call that serves them.
 *
 *   proa_app_new(&app, NULL);
 *   proa_app_get(app, "/hello/{name}", hello, NULL);
 *   return proa_app_serve(app, PROA_SERVER_OPTS(.port = 8080));
 *
 * Building remembers: a route that is wrong, or for which memory was short, leaves its code and
 * its words in the app, and the call that serves it returns them. A NULL app stands for one that
 * could not be made: routes on it do nothing, serving it returns PROA_ENOMEM.
 *
 * An app belongs to the thread that made it. With several workers or threads each makes its own.
 */

#include <proa/defs.h>
#include <proa/server.h>

PROA_BEGIN_DECLS

struct proa_app;
struct proa_request;
struct proa_response;

/**
 * Answer one request.
 *
 * Runs as a task of its own. Fill `resp` (proa_response_text and its kin, or stream) and return 0;
 * or return a negative code: proa_http_error(req, status, ...) answers with that status, a code
 * that is the client's fault answers with its status (PROA_EMSGSIZE: 413, bad JSON: 400),
 * any other code is a 500 and a log line that names the route. Returning 0 without a response is a
 * 500 too. `req`, `resp` and all that was borrowed from them end with the return.
 */
typedef int proa_handler_fn(struct proa_request *req, struct proa_response *resp, void *arg);

struct proa_app_opts {
    size_t size;     /* set by PROA_APP_OPTS */
    size_t max_body; /* bytes of a request body; 0: 1 MiB; PROA_UNLIMITED: none. A route may say
                        otherwise */
    bool no_gzip;    /* never compress a response, even where the client accepts it */
};
#ifndef __cplusplus
#define PROA_APP_OPTS(...) PROA_OPTS(proa_app_opts, __VA_ARGS__)
#endif

struct proa_route_opts {
    size_t size;               /* set by PROA_ROUTE_OPTS */
    const char *name;          /* for the log; NULL: the pattern */
    size_t max_body;           /* bytes of a request body; 0: the app's; PROA_UNLIMITED: none */
    bool cancel_on_disconnect; /* cancel the handler's task when the client leaves */
    bool slow_body;            /* its body may come as slowly as it likes: no min_body_rate */
};
#ifndef __cplusplus
#define PROA_ROUTE_OPTS(...) PROA_OPTS(proa_route_opts, __VA_ARGS__)
#endif

/**
 * Make an app without routes.
 *
 * Errors:       PROA_ENOMEM, PROA_E2BIG (options of a newer library).
 * Ownership:    the caller's, until proa_app_free.
 */
PROA_API int proa_app_new(struct proa_app **ret, const struct proa_app_opts *opts);

/**
 * Free an app that nothing serves any more.
 *
 * Ownership:    takes the app; NULL is nothing. Aborts with a sentence while a server uses it.
 */
PROA_API void proa_app_free(struct proa_app *app);
PROA_DEFINE_AUTO(proa_app, proa_app_free);

/**
 * Add a route: requests of `method` whose path matches `pattern` go to `fn(req, resp, arg)`.
 *
 * A pattern starts with '/'. A segment is literal, `{name}` (one non-empty segment) or, as the last
 * one, `{name...}` (the rest of the path, slashes included, may be empty). Literal beats parameter
 * beats rest, segment by segment. Matching is on percent-decoded segments, so "%2F" never makes a
 * new segment. A GET route answers HEAD too. Method "*" takes what no other route of the pattern
 * takes. A pattern that is wrong, or given twice for a method, and a method that no request can
 * have (they are those of PROA_METHOD_MAP; others are answered with 501) is remembered and returned
 * by proa_app_serve.
 *
 * Ownership:    the app copies the texts; `arg` is borrowed until the app is freed.
 */
PROA_API void proa_app_route(struct proa_app *app, const char *method, const char *pattern,
                             proa_handler_fn *fn, void *arg, const struct proa_route_opts *opts);

/** Add a route for GET and HEAD: proa_app_route with "GET" and no options. */
PROA_API void proa_app_get(struct proa_app *app, const char *pattern, proa_handler_fn *fn,
                           void *arg);

/** Add a route for POST: proa_app_route with "POST" and no options. */
PROA_API void proa_app_post(struct proa_app *app, const char *pattern, proa_handler_fn *fn,
                            void *arg);

/** Add a route for PUT: proa_app_route with "PUT" and no options. */
PROA_API void proa_app_put(struct proa_app *app, const char *pattern, proa_handler_fn *fn,
                           void *arg);

/** Add a route for PATCH: proa_app_route with "PATCH" and no options. */
PROA_API void proa_app_patch(struct proa_app *app, const char *pattern, proa_handler_fn *fn,
                             void *arg);

/** Add a route for DELETE: proa_app_route with "DELETE" and no options. */
PROA_API void proa_app_delete(struct proa_app *app, const char *pattern, proa_handler_fn *fn,
                              void *arg);

/**
 * The first thing that went wrong while the app was built: 0 or a code, its words in
 * proa_err_detail.
 *
 * Errors:       PROA_EROUTE (a bad or doubled pattern), PROA_ENOMEM.
 */
PROA_API int proa_app_error(const struct proa_app *app);

/**
 * Serve the app until SIGINT or SIGTERM, then drain and return 0.
 *
 * The first signal stops accepting, closes idle connections and waits for running handlers up to
 * .drain; the second cancels the handlers; the third ends the process. Cancelling the calling task
 * does what the first and, after .drain, the second do.
 *
 * Suspends:     yes, until the server has stopped.
 * Errors:       what the building left in the app; PROA_EADDRINUSE and kin with the address in the
 *               detail; PROA_EBUSY (this loop serves another app this way); PROA_EINVAL (a
 *               server_name that may not be sent); PROA_ENOMEM; PROA_ECANCELED (drained first).
 * Ownership:    the app is borrowed; options are copied.
 * Cancellation: drains for at most .drain, then cancels the handlers; never leaves one behind.
 */
PROA_API PROA_SUSPENDS int proa_app_serve(struct proa_app *app,
                                          const struct proa_server_opts *opts);

PROA_END_DECLS

#endif
