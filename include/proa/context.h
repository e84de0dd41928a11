#ifndef PROA_CONTEXT_H
#define PROA_CONTEXT_H

/*
 * Context: values that belong to a task and to all that it creates.
 *
 * A task is born with the values that its creator has at that moment; what either sets afterwards
 * the other does not see. For what many functions want to know and none wants to pass on: whose
 * request this is, a trace id, a locale.
 *
 *     static const struct proa_context_key user = {"user", free};
 *     proa_context_set(&user, strdup(name));
 *     const char *name = proa_context_get(&user);
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** What a value is known by: the address of such a struct, which lives as long as the program. */
struct proa_context_key {
    const char *name;          /* for dumps */
    void (*free)(void *value); /* called with a value that no task has any more; NULL: nothing */
};

/** Values that several tasks share, each seeing what another sets. */
struct proa_context;

/**
 * Give the running task another value under this key; NULL is none.
 *
 * Tasks that exist already keep what they have.
 *
 * Errors:       PROA_ENOMEM (nothing has changed).
 * Ownership:    the value is the task's, and of those that inherit it; the key's free is called
 *               when the last of them has ended or has another value. After a failure it is still
 *               the caller's.
 */
PROA_API int proa_context_set(const struct proa_context_key *key, void *value);

/**
 * The running task's value under this key; NULL if it has none. In a job of proa_to_thread those of
 * the task that waits for it (proa/thread.h); else NULL outside of tasks.
 *
 * Valid until:  the task sets another; in a shared context, until any task of it does.
 */
PROA_API void *proa_context_get(const struct proa_context_key *key);

/**
 * Make a context with the values of the running task, to be shared by the tasks that are created
 * with it (.context of struct proa_task_opts). Outside of tasks it begins empty.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller's, to be freed with proa_context_free; tasks that run in it keep it.
 */
PROA_API int proa_context_new(struct proa_context **ret);

/**
 * Give the context back; its values live as long as its tasks. NULL is nothing.
 */
PROA_API void proa_context_free(struct proa_context *context);

#ifndef __cplusplus
PROA_DEFINE_AUTO(proa_context, proa_context_free);
#endif

PROA_END_DECLS

#endif
