#ifndef SERVER_ROUTER_H
#define SERVER_ROUTER_H

/*
 * router: from a method and a path to a route.
 *
 * A tree with one level a path segment. At each node the literal children are tried first, then the
 * parameter, then the rest; the first leaf that has the method wins. Each node is looked at at most
 * once a request, so a match costs no more than the tree is large, whatever the path. Nothing is
 * cached by path: a stranger's URLs cost no memory.
 *
 *   /items          "" -> items
 *   /items/{id}           \-> {id}             parameters are counted by depth; their names belong
 *   /items/{id}/x               \-> x          to the route, so two methods may name them
 * differently /files/{p...}   "" -> files -> {p...}
 *
 * Matching is on percent-decoded segments; decoding makes no new segments.
 *
 * Floor: server. Knows neither requests nor connections.
 */

#include <proa/app.h>
#include <proa/str.h>

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct router;

enum { ROUTE_PARAMS_MAX = 16 }; /* parameters in one pattern */

struct route {
    struct proa_str method;  /* "GET", or "*" */
    struct proa_str pattern; /* as given */
    struct proa_str name;    /* for the log */
    struct proa_str params[ROUTE_PARAMS_MAX];
    size_t n_params;
    proa_handler_fn *fn;
    void *arg;
    size_t max_body; /* 0: the app's */
    bool cancel_on_disconnect;
    bool slow_body;
    struct route *next; /* the node's other methods, in the order they were added */
};

struct router_match {
    const struct route *route;
    struct proa_str values[ROUTE_PARAMS_MAX]; /* decoded; in the arena, or slices of the path */
    struct proa_str allow;                    /* with 405: the methods there are, "GET, HEAD" */
};

/* NULL: no memory. */
struct router *proa__router_new(void);
void proa__router_free(struct router *router);

/* Add a copy of what opts and the texts say. PROA_EINVAL with the reason in the detail;
 * PROA_ENOMEM. */
int proa__router_add(struct router *router, const char *method, const char *pattern,
                     proa_handler_fn *fn, void *arg, const struct proa_route_opts *opts);

/*
 * Find the route of a path (without query). Returns 200 and the match; or 404; 405 with
 * match->allow; 400 (a bad escape, a NUL or no UTF-8 once decoded); or PROA_ENOMEM.
 */
int proa__router_find(const struct router *router, struct proa_str method, struct proa_str path,
                      struct arena *arena, struct router_match *match);

#endif
