#ifndef PROA_DEFS_H
#define PROA_DEFS_H

/*
 * defs: the few macros that every header of proa uses.
 *
 * In C++ the headers give types and functions; the macros that need C's compound literals or the
 * cleanup of scopes (PROA_STR, PROA_AUTO, PROA_..._OPTS) exist in C only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PROA_BEGIN_DECLS extern "C" {
#define PROA_END_DECLS }
#else
#define PROA_BEGIN_DECLS
#define PROA_END_DECLS
#endif

/* Part of the library's interface: the only symbols that the shared library shows. */
#define PROA_API __attribute__((visibility("default")))

/* The call may suspend the running task. Expands to nothing: it is there to be read, and checked
 * against the text above the prototype. */
#define PROA_SUSPENDS

/* The arguments are a printf format at position `fmt` and its values from position `first`. */
#define PROA_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* The result must be looked at. */
#define PROA_WARN_UNUSED __attribute__((warn_unused_result))

/* "No limit" wherever an option or an argument is a bound. */
#define PROA_UNLIMITED SIZE_MAX

/*
 * A variable that is freed at the brace, whatever path leads there:
 *
 *     PROA_AUTO(proa_app) *app = NULL;     pointer to an opaque object: proa_app_free(app)
 *     PROA_AUTO(proa_buf) b = {0};         object by value: proa_buf_fini(&b)
 *
 * Always initialise it, and do not jump over it: gcc would silently free garbage
 * (-Wjump-misses-init tells).
 *
 * The header that declares struct NAME says how such a variable ends, once:
 * PROA_DEFINE_AUTO(NAME, free_fn); for objects behind a pointer, and
 * PROA_DEFINE_AUTO_VALUE(NAME, fini_fn); for objects in the caller's memory.
 */
#ifndef __cplusplus
#define PROA_AUTO(name) __attribute__((cleanup(proa__auto_##name))) struct name
#define PROA_DEFINE_AUTO(name, free_fn)                                                            \
    static inline void proa__auto_##name(struct name **var)                                        \
    {                                                                                              \
        free_fn(*var);                                                                             \
    }                                                                                              \
    struct name
#define PROA_DEFINE_AUTO_VALUE(name, fini_fn)                                                      \
    static inline void proa__auto_##name(struct name *var)                                         \
    {                                                                                              \
        fini_fn(var);                                                                              \
    }                                                                                              \
    struct name
#else
#define PROA_DEFINE_AUTO(name, free_fn) struct name
#define PROA_DEFINE_AUTO_VALUE(name, fini_fn) struct name
#endif

/*
 * A call that is made at the brace, whatever path leads there, a cancel too: a task only ever ends
 * by returning. The last one is made first.
 *
 *     PROA_DEFER(unlock_door, &door);          void unlock_door(void *door)
 *
 * A deferred call may suspend; in a cancelled task it needs a PROA_SHIELD for that. What belongs to
 * a type is better said once, by PROA_DEFINE_AUTO. Do not jump over it, as above.
 */
#ifndef __cplusplus
struct proa_deferred {
    void (*fn)(void *arg);
    void *arg;
};

static inline void proa__deferred_call(struct proa_deferred *deferred)
{
    deferred->fn(deferred->arg);
}

#define PROA_DEFER(fn, arg) PROA__DEFER(fn, arg, __COUNTER__)
#define PROA__DEFER(fn, arg, n) PROA__DEFER_AS(fn, arg, n)
#define PROA__DEFER_AS(fn, arg, n)                                                                 \
    __attribute__((cleanup(proa__deferred_call),                                                   \
                   unused)) struct proa_deferred proa_deferred_##n = {(fn), (arg)}
#endif

/*
 * Options: a pointer to a constant struct that lives to the end of the enclosing block, its size
 * filled in, everything not named zero, and zero being the default of every field.
 *
 *     #define PROA_QUEUE_OPTS(...) PROA_OPTS(proa_queue_opts, __VA_ARGS__)
 *     proa_queue_new(&q, PROA_QUEUE_OPTS(.limit = 8));
 *
 * The first member of each such struct is `size_t size`; fields are only ever appended.
 */
#ifndef __cplusplus
#define PROA_OPTS(type, ...) (&(const struct type){.size = sizeof(struct type), __VA_ARGS__})
#endif

#endif
