#ifndef PROA_CALL_H
#define PROA_CALL_H

/*
 * Callbacks: functions that the loop calls between tasks, soon, later or at a moment.
 *
 * A callback runs on the loop's own stack and must not suspend; it may create tasks. A handle in
 * the caller's memory makes it removable, and the call one that cannot fail for want of memory.
 */

#include <proa/loop.h>
#include <proa/task.h>

PROA_BEGIN_DECLS

/**
 * A call that is to come. Zeroes are one that is not; it must not move while it is pending, and
 * not go out of scope: PROA_AUTO(proa_handle) h = {0}; takes it back at the brace.
 */
struct proa_handle {
    uint64_t opaque[20];
};

/**
 * Have fn(arg) called in the loop's next turn.
 *
 * Calls are made in the order in which they were asked for. One that is asked for by a callback
 * comes a turn later, so none can starve the others. Of a handle that is pending already the
 * earlier call is taken back.
 *
 * Errors:       PROA_ENOMEM (`handle` is NULL only).
 * Ownership:    `handle` stays the caller's; NULL: there is none, and the call cannot be taken
 *               back. A loop that ends calls nothing any more.
 */
PROA_API int proa_call_soon(struct proa_handle *handle, proa_callback_fn *fn, void *arg);

/**
 * Have fn(arg) called when `ns` have passed; zero or less: in the next turn.
 *
 * Calls for the same moment are made in the order in which they were asked for; of two that are
 * due, the one with the earlier moment is first. Never early. PROA_FOREVER is never.
 *
 * Errors:       PROA_EINVAL (INT64_MIN, or a moment that cannot be told; nothing has changed),
 *               PROA_ENOMEM (`handle` is NULL only).
 * Ownership:    as proa_call_soon.
 */
PROA_API int proa_call_later(struct proa_handle *handle, int64_t ns, proa_callback_fn *fn,
                             void *arg);

/**
 * Have fn(arg) called when proa_now() is at least `when`: as proa_call_later.
 *
 * Errors:       as proa_call_later.
 * Ownership:    as proa_call_soon.
 */
PROA_API int proa_call_at(struct proa_handle *handle, int64_t when, proa_callback_fn *fn,
                          void *arg);

/**
 * Have fn(arg) called in the turn after a task has ended; at once means in the next turn.
 *
 * Several may ask for the same task. What the task returned is proa_task_result's to tell, if
 * there is a reference from its creation.
 *
 * Errors:       PROA_ESTALE (its group was left), PROA_ENOMEM (`handle` is NULL only).
 * Ownership:    as proa_call_soon.
 */
PROA_API int proa_task_on_done(struct proa_task_ref ref, struct proa_handle *handle,
                               proa_callback_fn *fn, void *arg);

/**
 * Take a call back. Returns whether it was pending; if not, nothing happens.
 */
PROA_API bool proa_handle_cancel(struct proa_handle *handle);

/**
 * Say whether the call is still to come.
 */
PROA_API bool proa_handle_is_pending(const struct proa_handle *handle);

/**
 * The moment of proa_now at which a call is due: PROA_FOREVER for one that waits for a task's end,
 * or is not pending; INT64_MIN for the next turn.
 */
PROA_API int64_t proa_handle_when(const struct proa_handle *handle);

/** What PROA_AUTO(proa_handle) ends with: proa_handle_cancel. */
PROA_API void proa_handle_fini(struct proa_handle *handle);

PROA_DEFINE_AUTO_VALUE(proa_handle, proa_handle_fini);

PROA_END_DECLS

#endif
