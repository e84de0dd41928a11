#include "base/check.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/wait.h"

#include <proa/sync.h>

#define MAGIC_SEMAPHORE 0x73656d61u

struct proa_semaphore {
    unsigned magic;
    size_t permits;
    size_t limit;        /* SIZE_MAX: none */
    struct list waiters; /* struct wait, oldest first; empty while there are permits */
};

int proa_semaphore_new(struct proa_semaphore **ret, size_t permits,
                       const struct proa_semaphore_opts *opts)
{
    struct proa_semaphore_opts o;
    int rc = proa__opts_copy(&o, sizeof o, opts);

    if (rc < 0)
        return rc;
    if (o.limit && permits > o.limit)
        return proa__fail(PROA_EINVAL, "a semaphore of %zu permits with a limit of %zu", permits,
                          o.limit);

    struct proa_semaphore *s = proa__zalloc(sizeof *s);

    if (!s)
        return PROA_ENOMEM;
    s->magic = MAGIC_SEMAPHORE;
    s->permits = permits;
    s->limit = o.limit ? o.limit : SIZE_MAX;
    list_init(&s->waiters);
    *ret = s;
    return 0;
}

void proa_semaphore_free(struct proa_semaphore *semaphore)
{
    if (!semaphore)
        return;
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    PROA_CHECK(list_empty(&semaphore->waiters),
               "proa_semaphore_free: tasks wait for the semaphore");
    semaphore->magic = 0;
    proa__free(semaphore);
}

int proa_semaphore_acquire(struct proa_semaphore *semaphore)
{
    struct wait w;
    int rc;

    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    rc = proa__wait_enter(__func__);
    if (rc < 0)
        return rc;
    if (semaphore->permits) {
        semaphore->permits--;
        return 0;
    }
    proa__wait_link(&semaphore->waiters, &w);
    rc = proa__wait_park(&w, 1); /* the permit comes with the wake */
    return rc < 0 ? rc : 0;
}

int proa_semaphore_try_acquire(struct proa_semaphore *semaphore)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    if (!semaphore->permits)
        return PROA_EAGAIN;
    semaphore->permits--;
    return 0;
}

void proa_semaphore_release(struct proa_semaphore *semaphore)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    if (proa__wait_wake(&semaphore->waiters, NULL, 0))
        return;
    PROA_CHECK(semaphore->permits < semaphore->limit,
               "proa_semaphore_release: released more often than acquired");
    semaphore->permits++;
}

size_t proa_semaphore_permits(const struct proa_semaphore *semaphore)
{
    PROA_CHECK_OBJ(semaphore, MAGIC_SEMAPHORE);
    return semaphore->permits;
}
