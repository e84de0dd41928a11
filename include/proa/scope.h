#ifndef PROA_SCOPE_H
#define PROA_SCOPE_H

/*
 * Scopes: how waiting is bounded and cancelled.
 *
 * A scope is opened by a macro and left at the brace. While it is cancelled, every suspending call
 * inside it fails at once with PROA_ECANCELED. Opening never fails and allocates nothing. The
 * macros are for C; they are declarations, so they stand where a declaration may stand.
 */

#include <proa/defs.h>
#include <proa/err.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/** A bound in time; open it with PROA_TIMEOUT. The content is private. */
struct proa_timeout {
    uint64_t opaque[16];
};

/** A time in which cancellation is held back; open it with PROA_SHIELD. The content is private. */
struct proa_shield {
    uint64_t opaque[16];
};

/** A part of a task that can be cancelled alone; open it with PROA_SCOPE. The content is private.
 */
struct proa_scope {
    uint64_t opaque[8];
};

#ifndef __cplusplus
/**
 * PROA_TIMEOUT(name, ns): until the brace, nothing waits beyond `ns` from now.
 *
 * The nearest of several deadlines counts. `ns` <= 0 means that the first suspending call fails,
 * PROA_FOREVER that none does for that reason. Give the code that comes out of the scope to
 * proa_timeout_result, which tells this deadline from other cancels.
 */
#define PROA_TIMEOUT(name, ns)                                                                     \
    __attribute__((cleanup(proa_timeout_leave))) struct proa_timeout name = {{0}};                 \
    proa_timeout_enter(&name, (ns))

/**
 * PROA_TIMEOUT_AT(name, when): until the brace, nothing waits beyond the moment `when` of proa_now.
 *
 * A moment that has passed means that the first suspending call fails.
 */
#define PROA_TIMEOUT_AT(name, when)                                                                \
    __attribute__((cleanup(proa_timeout_leave))) struct proa_timeout name = {{0}};                 \
    proa_timeout_enter_at(&name, (when))

/**
 * PROA_MOVE_ON_AFTER(name, ns): as PROA_TIMEOUT, and the end of the time is no failure.
 *
 * proa_timeout_result turns the PROA_ECANCELED of this deadline into 0; proa_timeout_expired says
 * whether the time was enough.
 */
#define PROA_MOVE_ON_AFTER(name, ns)                                                               \
    PROA_TIMEOUT(name, ns);                                                                        \
    proa_timeout_set_quiet(&name)

/**
 * PROA_MOVE_ON_AT(name, when): as PROA_TIMEOUT_AT, and the end of the time is no failure.
 */
#define PROA_MOVE_ON_AT(name, when)                                                                \
    PROA_TIMEOUT_AT(name, when);                                                                   \
    proa_timeout_set_quiet(&name)

/**
 * PROA_SHIELD(name, ns): until the brace, for `ns` at most, cancels from outside are held back.
 *
 * For cleanup that must talk: a ROLLBACK, a close_notify, a last flush.
 */
#define PROA_SHIELD(name, ns)                                                                      \
    __attribute__((cleanup(proa_shield_leave))) struct proa_shield name = {{0}};                   \
    proa_shield_enter(&name, (ns))

/**
 * PROA_SCOPE(name): until the brace, proa_scope_cancel(&name) cancels what waits inside.
 */
#define PROA_SCOPE(name)                                                                           \
    __attribute__((cleanup(proa_scope_leave))) struct proa_scope name = {{0}};                     \
    proa_scope_enter(&name)

/**
 * PROA_WITHIN(ns, call): the value of `call`, or PROA_ETIMEDOUT if `ns` passed while it waited.
 */
#define PROA_WITHIN(ns, call) PROA_WITHIN_NAMED_(__COUNTER__, ns, call)
#define PROA_WITHIN_NAMED_(n, ns, call) PROA_WITHIN_EXPANDED_(n, ns, call)
#define PROA_WITHIN_EXPANDED_(n, ns, call)                                                         \
    __extension__({                                                                                \
        PROA_TIMEOUT(proa_within_##n, ns);                                                         \
        __typeof__(call) proa_within_rc_##n = (call);                                              \
        if (proa_within_rc_##n == PROA_ECANCELED)                                                  \
            proa_within_rc_##n = proa_timeout_result(&proa_within_##n, PROA_ECANCELED);            \
        proa_within_rc_##n;                                                                        \
    })
#endif

/**
 * Turn the PROA_ECANCELED that this very deadline caused into PROA_ETIMEDOUT, or 0 if it is quiet.
 *
 * A success is PROA_ETIMEDOUT too if the deadline cut a call that the code inside swallowed: what
 * it then did is not what was asked for. Other failures, and a cancel that comes from further
 * outside, are returned unchanged. To be called before the scope is left.
 */
PROA_API int proa_timeout_result(struct proa_timeout *timeout, int rc);

/**
 * Say whether the deadline has passed. May be asked after the scope was left, too.
 */
PROA_API bool proa_timeout_expired(const struct proa_timeout *timeout);

/**
 * The deadline, as a moment of proa_now; PROA_FOREVER if there is none.
 */
PROA_API int64_t proa_timeout_when(const struct proa_timeout *timeout);

/**
 * Move the deadline to `ns` from now; zero or less is now, PROA_FOREVER is none.
 *
 * Errors:       PROA_ETIMEDOUT (it has passed already, and stays so), PROA_EINVAL (INT64_MIN, or a
 *               moment that cannot be told; nothing has changed).
 */
PROA_API int proa_timeout_reschedule(struct proa_timeout *timeout, int64_t ns);

/**
 * Move the deadline to the moment `when` of proa_now.
 *
 * Errors:       as proa_timeout_reschedule.
 */
PROA_API int proa_timeout_reschedule_at(struct proa_timeout *timeout, int64_t when);

/**
 * The moment from which on calls here will fail, if nobody cancels or reschedules before.
 *
 * The earliest of all deadlines around the caller, those around its group included, as far as no
 * shield holds them back; PROA_FOREVER if there is none, and outside tasks. INT64_MIN: calls fail
 * already.
 */
PROA_API int64_t proa_effective_deadline(void);

/**
 * Cancel what waits inside the scope, now and until it is left. Idempotent; never suspends.
 */
PROA_API void proa_scope_cancel(struct proa_scope *scope);

/**
 * Turn the PROA_ECANCELED that this scope's own cancel caused into 0; other codes stay.
 */
PROA_API int proa_scope_result(struct proa_scope *scope, int rc);

/**
 * Call fn(arg), and return PROA_ETIMEDOUT if `ns` passed while it waited.
 *
 * It runs in the calling task. If it swallows the cancel and succeeds, its success is returned.
 * With zero or less its first suspending call fails.
 *
 * Suspends:     as fn.
 * Errors:       those of fn; PROA_ETIMEDOUT; PROA_EINVAL (INT64_MIN, or a deadline that cannot be
 *               told; fn was not called).
 * Cancellation: as fn.
 */
PROA_API PROA_SUSPENDS int proa_wait_for(proa_task_fn *fn, void *arg, int64_t ns);

/**
 * Call fn(arg), and return 0 if `ns` passed while it waited: as proa_wait_for, without a failure.
 *
 * Suspends:     as fn.
 * Errors:       those of fn; PROA_EINVAL as proa_wait_for.
 * Cancellation: as fn.
 */
PROA_API PROA_SUSPENDS int proa_move_on_after(proa_task_fn *fn, void *arg, int64_t ns);

/**
 * Call fn(arg) with cancels from outside held back for `ns` at most.
 *
 * Suspends:     as fn.
 * Errors:       those of fn; PROA_ECANCELED (cancelled when `ns` had passed), PROA_EINVAL as
 *               proa_wait_for.
 * Cancellation: held back; the caller's next suspending call reports it.
 */
PROA_API PROA_SUSPENDS int proa_shield(proa_task_fn *fn, void *arg, int64_t ns);

/**
 * Say whether the running task is cancelled here: whether a suspending call would fail at once.
 */
PROA_API bool proa_is_cancelled(void);

/** What PROA_TIMEOUT opens with; not to be called by hand. */
PROA_API void proa_timeout_enter(struct proa_timeout *timeout, int64_t ns);

/** What PROA_TIMEOUT_AT opens with; not to be called by hand. */
PROA_API void proa_timeout_enter_at(struct proa_timeout *timeout, int64_t when);

/** Make the end of the time no failure: what PROA_MOVE_ON_AFTER adds to PROA_TIMEOUT. */
PROA_API void proa_timeout_set_quiet(struct proa_timeout *timeout);

/** What PROA_TIMEOUT ends with; not to be called by hand. */
PROA_API void proa_timeout_leave(struct proa_timeout *timeout);

/** What PROA_SHIELD opens with; not to be called by hand. */
PROA_API void proa_shield_enter(struct proa_shield *shield, int64_t ns);

/** What PROA_SHIELD ends with; not to be called by hand. */
PROA_API void proa_shield_leave(struct proa_shield *shield);

/** What PROA_SCOPE opens with; not to be called by hand. */
PROA_API void proa_scope_enter(struct proa_scope *scope);

/** What PROA_SCOPE ends with; not to be called by hand. */
PROA_API void proa_scope_leave(struct proa_scope *scope);

PROA_END_DECLS

#endif
