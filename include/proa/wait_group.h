#ifndef PROA_WAIT_GROUP_H
#define PROA_WAIT_GROUP_H

/*
 * wait group: wait until a number of things are done, whoever does them.
 *
 * Where the things are tasks, a group (<proa/group.h>) does more.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A count of things to be done. */
struct proa_wait_group;

/**
 * Make a wait group with nothing to be done.
 *
 * Errors:       PROA_ENOMEM.
 * Ownership:    the caller frees it with proa_wait_group_free.
 */
PROA_API int proa_wait_group_new(struct proa_wait_group **ret);

/**
 * Free a wait group that nobody waits for; NULL is nothing.
 */
PROA_API void proa_wait_group_free(struct proa_wait_group *group);

/**
 * Add `n` things to be done.
 *
 * Errors:       PROA_EINVAL (more than can be counted; nothing was added).
 */
PROA_API int proa_wait_group_add(struct proa_wait_group *group, size_t n);

/**
 * Say that one of them is done; the last wakes all who wait. Once too often stops the program.
 */
PROA_API void proa_wait_group_done(struct proa_wait_group *group);

/**
 * Number of things to be done.
 */
PROA_API size_t proa_wait_group_count(const struct proa_wait_group *group);

/**
 * Wait until nothing is to be done. Who waits is woken by that even if more is added at once.
 *
 * Suspends:     yes, unless that is so.
 * Errors:       PROA_ECANCELED.
 * Cancellation: safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_wait_group_wait(struct proa_wait_group *group);

PROA_DEFINE_AUTO(proa_wait_group, proa_wait_group_free);

PROA_END_DECLS

#endif
