#ifndef CORE_THREAD_H
#define CORE_THREAD_H

/*
 * thread: the loop's helpers for work that blocks.
 *
 *   queued --a helper takes it--> running --fn returns--> done --posted to the loop--> waiter wakes
 *     \--cancelled: taken back      \--cancelled, .abandon--> abandoned --fn returns--> released
 *
 * Helpers start when a job finds none idle, block all signals, and are joined when the loop is
 * freed.
 *
 * Floor: core.
 */

#include <proa/thread.h>

#include <pthread.h>

struct proa_loop;

/* Join all helpers. No task waits for a job any more. */
void proa__threads_free(struct proa_loop *loop);

/* pthread_create with all signals blocked in the new thread. 0 or -errno. */
int proa__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);

#endif
