#ifndef PROA_LIMITER_H
#define PROA_LIMITER_H

/*
 * limiter: not more than so many in so much time (a token bucket on the loop's clock).
 *
 * Tokens come evenly, `count` of them in each `per` nanoseconds, and up to `burst` are saved while
 * nobody takes them. It begins full.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/** A bucket of tokens that fills by itself. */
struct proa_limiter;

/** How a limiter is made; zero is the default everywhere. */
struct proa_limiter_opts {
    size_t size;
    size_t burst; /* most tokens saved; default: as many as come in `per` */
};

/** Options of proa_limiter_new, for example PROA_LIMITER_OPTS(.burst = 1). */
#define PROA_LIMITER_OPTS(...) PROA_OPTS(proa_limiter_opts, __VA_ARGS__)

/**
 * Make a limiter of `count` tokens in each `per` nanoseconds.
 *
 * Errors:       PROA_ENOMEM, PROA_EINVAL (no tokens, no time, or either too large), PROA_E2BIG.
 * Ownership:    the caller frees it with proa_limiter_free.
 */
PROA_API int proa_limiter_new(struct proa_limiter **ret, size_t count, int64_t per,
                              const struct proa_limiter_opts *opts);

/**
 * Free a limiter that nobody waits for; NULL is nothing.
 */
PROA_API void proa_limiter_free(struct proa_limiter *limiter);

/**
 * Take `n` tokens, waiting until they are there. Tasks are served in the order they came.
 *
 * Suspends:     yes, unless they are there and nobody waits.
 * Errors:       PROA_ECANCELED, PROA_EINVAL (more than the burst).
 * Cancellation: no token is taken; safe to retry.
 */
PROA_API PROA_SUSPENDS int proa_limiter_acquire(struct proa_limiter *limiter, size_t n);

/**
 * Take `n` tokens if they are there and nobody waits.
 *
 * Errors:       PROA_EAGAIN, PROA_EINVAL (more than the burst).
 */
PROA_API int proa_limiter_try_acquire(struct proa_limiter *limiter, size_t n);

/**
 * Number of whole tokens that are there now.
 */
PROA_API size_t proa_limiter_tokens(struct proa_limiter *limiter);

PROA_DEFINE_AUTO(proa_limiter, proa_limiter_free);

PROA_END_DECLS

#endif
