#ifndef PROA_CHANNEL_H
#define PROA_CHANNEL_H

/*
 * channel: values from task to task, copied, with an end that either side can declare.
 *
 * With capacity 0 sender and receiver meet: a send ends when its value was received. With a
 * capacity that many values wait inside. Values are structs of one size, copied in and out; so
 * nothing is allocated on the way. For pointers to things with an owner there is proa_queue.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A channel of values of one size. */
struct proa_channel;

/** How a channel is made; zero is the default everywhere. */
struct proa_channel_opts {
    size_t size;
    size_t capacity;                 /* most values inside; 0: sender and receiver meet */
    void (*value_fini)(void *value); /* for values that nobody received, at free */
};

/** Options of proa_channel_new, for example PROA_CHANNEL_OPTS(.capacity = 16). */
#define PROA_CHANNEL_OPTS(...) PROA_OPTS(proa_channel_opts, __VA_ARGS__)

/**
 * Make an empty channel of values of `value_size` bytes; 0: bare signals.
 *
 * The room for them is allocated here.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (more bytes than can be counted), PROA_E2BIG.
 * Ownership:    the caller frees it with proa_channel_free.
 */
PROA_API int proa_channel_new(struct proa_channel **ret, size_t value_size,
                              const struct proa_channel_opts *opts);

/**
 * Free a channel that nobody waits on; NULL is nothing. What nobody received goes to .value_fini.
 */
PROA_API void proa_channel_free(struct proa_channel *channel);

/**
 * Send a copy of *value, waiting until it was received or there is room for it.
 *
 * Senders and receivers are served in the order they came. *value is read when it is taken: it must
 * not change while the call waits.
 *
 * Suspends:     yes, unless a receiver waits or there is room.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED.
 * Cancellation: nothing was sent; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_channel_send(struct proa_channel *channel, const void *value);

/**
 * Send a copy of *value if a receiver waits or there is room.
 *
 * Errors:       PROA_EAGAIN (neither), PROA_ECLOSED.
 */
PROA_API int proa_channel_try_send(struct proa_channel *channel, const void *value);

/**
 * Receive the oldest value into *value, waiting for one.
 *
 * Suspends:     yes, unless a value is inside or a sender waits.
 * Errors:       PROA_ECANCELED, PROA_ECLOSED (closed, and nothing is left inside).
 * Cancellation: nothing was received; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_channel_receive(struct proa_channel *channel, void *value);

/**
 * Receive the oldest value if there is one.
 *
 * Errors:       PROA_EAGAIN (there is none), PROA_ECLOSED (as proa_channel_receive).
 */
PROA_API int proa_channel_try_receive(struct proa_channel *channel, void *value);

/**
 * Declare the end, from either side; once more changes nothing.
 *
 * Sends fail from now on, those that wait too: their values were not sent. Receivers get what is
 * inside, then PROA_ECLOSED. Never suspends.
 */
PROA_API void proa_channel_close(struct proa_channel *channel);

/**
 * Count `n` more tasks that send: when the last of those that were counted drops out, the channel
 * is closed.
 *
 * For several senders, none of which knows whether it is the last. Count them all before the first
 * can have ended.
 *
 * Errors:       PROA_ECLOSED, PROA_EINVAL (more than can be counted).
 */
PROA_API int proa_channel_add_senders(struct proa_channel *channel, size_t n);

/**
 * Count one sender less. Once too often stops the program.
 */
PROA_API void proa_channel_drop_sender(struct proa_channel *channel);

/**
 * Count `n` more tasks that receive: when the last of those that were counted drops out, the
 * channel is closed.
 *
 * Errors:       PROA_ECLOSED, PROA_EINVAL (more than can be counted).
 */
PROA_API int proa_channel_add_receivers(struct proa_channel *channel, size_t n);

/**
 * Count one receiver less. Once too often stops the program.
 */
PROA_API void proa_channel_drop_receiver(struct proa_channel *channel);

/**
 * Say whether the end was declared.
 */
PROA_API bool proa_channel_is_closed(const struct proa_channel *channel);

/**
 * Number of values inside.
 */
PROA_API size_t proa_channel_len(const struct proa_channel *channel);

PROA_DEFINE_AUTO(proa_channel, proa_channel_free);

PROA_END_DECLS

#endif
