#include "server/router.h"

#include "base/arena.h"
#include "base/encode.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <proa/http.h>

/* One segment of one or more patterns. */
struct node {
    struct proa_str literal; /* "" at the root, and of parameter and rest nodes */
    struct node *sibling;    /* next literal child of the same parent */
    struct node *literals;
    struct node *param; /* the one {name} child */
    struct node *rest;  /* the one {name...} child */
    struct route *routes;
};

struct router {
    struct node root;
    struct arena texts; /* nodes, routes and their texts: they live as long as the router */
};

struct router *proa__router_new(void)
{
    struct router *r = proa__zalloc(sizeof *r);

    if (r)
        proa__arena_init(&r->texts, NULL, 0);
    return r;
}

void proa__router_free(struct router *r)
{
    if (!r)
        return;
    proa__arena_fini(&r->texts);
    proa__free(r);
}

/* ---- adding ---- */

static struct node *new_node(struct router *r, struct node **where)
{
    struct node *n = proa__arena_zalloc(&r->texts, sizeof *n);

    if (n)
        *where = n;
    return n;
}

static struct node *literal_child(struct router *r, struct node *parent, struct proa_str text)
{
    struct node **at = &parent->literals;

    for (; *at; at = &(*at)->sibling)
        if (proa_str_eq((*at)->literal, text))
            return *at;

    struct node *n = new_node(r, at);
    if (n)
        n->literal = text;
    return n;
}

static bool is_name(struct proa_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (c >= '0' && c <= '9' && i)))
            return false;
    }
    return s.n > 0;
}

static int name_param(struct route *route, struct proa_str name)
{
    if (!is_name(name))
        return proa__fail(PROA_EROUTE,
                          "route %.*s: \"%.*s\" is no parameter name (letters, digits, _)",
                          PROA_PRI(route->pattern), PROA_PRI(name));
    for (size_t i = 0; i < route->n_params; i++)
        if (proa_str_eq(route->params[i], name))
            return proa__fail(PROA_EROUTE, "route %.*s: parameter %.*s twice",
                              PROA_PRI(route->pattern), PROA_PRI(name));
    if (route->n_params == ROUTE_PARAMS_MAX)
        return proa__fail(PROA_EROUTE, "route %.*s: more than %d parameters",
                          PROA_PRI(route->pattern), ROUTE_PARAMS_MAX);
    route->params[route->n_params++] = name;
    return 0;
}

/* The child of `at` for one segment of the pattern; *at moves there. */
static int descend(struct router *r, struct node **at, struct route *route, struct proa_str segment,
                   bool last)
{
    struct node *parent = *at;
    struct node *child;
    int rc;

    if (segment.n < 2 || segment.p[0] != '{' || segment.p[segment.n - 1] != '}') {
        if (proa_str_find(segment, '{') != PROA_STR_NONE ||
            proa_str_find(segment, '}') != PROA_STR_NONE)
            return proa__fail(PROA_EROUTE,
                              "route %.*s: a parameter is a whole segment, as in /{name}/",
                              PROA_PRI(route->pattern));
        child = literal_child(r, parent, segment);
    } else {
        struct proa_str name = proa_str_sub(segment, 1, segment.n - 2);
        bool rest = proa_str_ends(name, PROA_STR("..."));

        if (rest && !last)
            return proa__fail(PROA_EROUTE, "route %.*s: {...} must be the last segment",
                              PROA_PRI(route->pattern));
        rc = name_param(route, rest ? proa_str_sub(name, 0, name.n - 3) : name);
        if (rc < 0)
            return rc;
        struct node **where = rest ? &parent->rest : &parent->param;
        child = *where ? *where : new_node(r, where);
    }
    if (!child)
        return PROA_ENOMEM;
    *at = child;
    return 0;
}

static int attach(struct node *leaf, struct route *route)
{
    struct route **at = &leaf->routes;

    for (; *at; at = &(*at)->next)
        if (proa_str_eq((*at)->method, route->method))
            return proa__fail(PROA_EROUTE, "route %.*s %.*s was added before, as %.*s",
                              PROA_PRI(route->method), PROA_PRI(route->pattern),
                              PROA_PRI((*at)->pattern));
    *at = route;
    return 0;
}

static struct route *new_route(struct router *r, const char *method, const char *pattern,
                               const struct proa_route_opts *opts)
{
    struct route *route = proa__arena_zalloc(&r->texts, sizeof *route);

    if (!route)
        return NULL;
    route->method = proa__arena_str(&r->texts, proa_str_from(method));
    route->pattern = proa__arena_str(&r->texts, proa_str_from(pattern));
    route->name = route->pattern;
    route->max_body = opts->max_body;
    route->cancel_on_disconnect = opts->cancel_on_disconnect;
    route->slow_body = opts->slow_body;
    if (opts->name)
        route->name = proa__arena_str(&r->texts, proa_str_from(opts->name));
    return route->method.p && route->pattern.p && route->name.p ? route : NULL;
}

int proa__router_add(struct router *r, const char *method, const char *pattern, proa_handler_fn *fn,
                     void *arg, const struct proa_route_opts *opts)
{
    struct route *route;
    struct node *at = &r->root;
    int rc;

    if (pattern[0] != '/')
        return proa__fail(PROA_EROUTE, "route \"%s\" does not begin with '/'", pattern);
    if (strcmp(method, "*") != 0 && !proa_method_from(proa_str_from(method)))
        return proa__fail(PROA_EROUTE, "route \"%s\": no request has the method \"%s\"", pattern,
                          method);
    route = new_route(r, method, pattern, opts);
    if (!route)
        return PROA_ENOMEM;
    route->fn = fn;
    route->arg = arg;

    struct proa_str left = proa_str_sub(route->pattern, 1, PROA_UNLIMITED);
    for (bool last = false; !last;) {
        size_t slash = proa_str_find(left, '/');
        last = slash == PROA_STR_NONE;
        rc = descend(r, &at, route, proa_str_sub(left, 0, slash), last);
        if (rc < 0)
            return rc;
        if (!last)
            left = proa_str_sub(left, slash + 1, PROA_UNLIMITED);
    }
    return attach(at, route);
}

/* ---- finding ---- */

struct search {
    struct proa_str method;
    struct arena *arena;
    struct router_match *match;
    size_t n_values;
    const struct node *leaves[8]; /* matched the path, not the method: what a 405 tells */
    size_t n_leaves;
};

static const struct route *route_for(const struct node *leaf, struct proa_str method)
{
    const struct route *any = NULL;
    const struct route *get = NULL;

    for (const struct route *r = leaf->routes; r; r = r->next) {
        if (proa_str_eq(r->method, method))
            return r;
        if (proa_str_eq(r->method, PROA_STR("*")))
            any = r;
        else if (proa_str_eq(r->method, PROA_STR("GET")))
            get = r;
    }
    return get && proa_str_eq(method, PROA_STR("HEAD")) ? get : any;
}

static bool reached(struct search *s, const struct node *leaf)
{
    if (!leaf->routes)
        return false;

    const struct route *route = route_for(leaf, s->method);
    if (!route) {
        if (s->n_leaves < sizeof s->leaves / sizeof s->leaves[0])
            s->leaves[s->n_leaves++] = leaf;
        return false;
    }
    s->match->route = route;
    return true;
}

/* Decode into the arena; a text without escapes stays where it is. 0, 400 or PROA_ENOMEM. */
static int decode(struct search *s, struct proa_str raw, struct proa_str *ret)
{
    *ret = raw;
    if (proa_str_find(raw, '%') == PROA_STR_NONE)
        return 0;

    char *text = arena_alloc_aligned(s->arena, raw.n, 1);
    if (!text)
        return PROA_ENOMEM;
    ssize_t n = proa__percent_decode(text, raw);
    if (n < 0 || memchr(text, 0, (size_t)n))
        return 400;
    *ret = proa_str_make(text, (size_t)n);
    return proa__utf8_valid(*ret) ? 0 : 400;
}

static const struct node *literal_match(const struct node *at, struct proa_str segment)
{
    for (const struct node *n = at->literals; n; n = n->sibling)
        if (proa_str_eq(n->literal, segment))
            return n;
    return NULL;
}

/*
 * Match what is left of the path below `at`: 200, 404 (try elsewhere), 400 or PROA_ENOMEM.
 * Recursion is as deep as the program's own patterns are.
 */
static int walk(struct search *s, const struct node *at, struct proa_str left)
{
    size_t slash = proa_str_find(left, '/');
    bool last = slash == PROA_STR_NONE;
    struct proa_str after = last ? proa_str_sub(left, left.n, 0)
                                 : proa_str_sub(left, slash + 1, PROA_UNLIMITED);
    struct proa_str segment;
    int rc = decode(s, proa_str_sub(left, 0, slash), &segment);

    if (rc != 0)
        return rc;

    const struct node *next = literal_match(at, segment);
    if (next) {
        rc = last ? (reached(s, next) ? 200 : 404) : walk(s, next, after);
        if (rc != 404)
            return rc;
    }
    size_t n_values = s->n_values;
    if (at->param && segment.n) {
        s->match->values[s->n_values++] = segment;
        rc = last ? (reached(s, at->param) ? 200 : 404) : walk(s, at->param, after);
        if (rc != 404)
            return rc;
        s->n_values = n_values;
    }
    if (!at->rest)
        return 404;
    rc = decode(s, left, &s->match->values[s->n_values]);
    if (rc != 0)
        return rc;
    return reached(s, at->rest) ? 200 : 404;
}

static bool lists(const char *allow, size_t n, struct proa_str method)
{
    struct proa_str rest = proa_str_make(allow, n);
    struct proa_str item;

    while (proa_str_next(&rest, ',', &item))
        if (proa_str_eq(proa_str_trim(item), method))
            return true;
    return false;
}

static size_t add_allowed(char *text, size_t n, struct proa_str method)
{
    if (lists(text, n, method))
        return n;
    if (n) {
        memcpy(text + n, ", ", 2);
        n += 2;
    }
    memcpy(text + n, method.p, method.n);
    return n + method.n;
}

/* "GET, HEAD, POST": what the leaves that matched would take. */
static int list_allowed(struct search *s)
{
    size_t room = 0;

    for (size_t i = 0; i < s->n_leaves; i++)
        for (const struct route *r = s->leaves[i]->routes; r; r = r->next)
            room += r->method.n + 2 + sizeof ", HEAD";

    char *text = arena_alloc_aligned(s->arena, room, 1);
    if (!text)
        return PROA_ENOMEM;

    size_t n = 0;
    for (size_t i = 0; i < s->n_leaves; i++)
        for (const struct route *r = s->leaves[i]->routes; r; r = r->next) {
            n = add_allowed(text, n, r->method);
            if (proa_str_eq(r->method, PROA_STR("GET")))
                n = add_allowed(text, n, PROA_STR("HEAD"));
        }
    s->match->allow = proa_str_make(text, n);
    return 405;
}

int proa__router_find(const struct router *r, struct proa_str method, struct proa_str path,
                      struct arena *arena, struct router_match *match)
{
    struct search s = {.method = method, .arena = arena, .match = match};

    match->route = NULL;
    match->allow = (struct proa_str){0};
    if (path.n == 0 || path.p[0] != '/')
        return 404;
    int rc = walk(&s, &r->root, proa_str_sub(path, 1, PROA_UNLIMITED));
    return rc == 404 && s.n_leaves ? list_allowed(&s) : rc;
}
