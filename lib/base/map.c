#include "base/map.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/siphash.h"

#include <proa/err.h>

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { MAP_FIRST = 8 }; /* places of the first allocation */

static struct siphash_key seed;
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return;
    /* So early at boot that there is no entropy, or a sandbox without the call: the clock and where
     * we were loaded are what a stranger does not see. */
    seed.k0 = (uint64_t)proa__clock_wall() ^ (uint64_t)(uintptr_t)&seed;
    seed.k1 = (uint64_t)proa__clock_mono() * 0x9E3779B97F4A7C15u ^ (uint64_t)(uintptr_t)&seeded;
}

uint64_t proa__hash(struct proa_str s)
{
    pthread_once(&seeded, draw_seed);
    return proa__siphash(seed, s.p, s.n);
}

/* Names are short; a long one is folded piece by piece, each hashed together with what came before.
 */
uint64_t proa__hash_nocase(struct proa_str s)
{
    char piece[64];
    size_t filled = 0;
    uint64_t hash = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (filled == sizeof piece) {
            hash = proa__hash(proa_str_make(piece, filled));
            memcpy(piece, &hash, sizeof hash);
            filled = sizeof hash;
        }
        piece[filled++] = ascii_lower(s.p[i]);
    }
    return proa__hash(proa_str_make(piece, filled));
}

void proa__map_init(struct map *m)
{
    memset(m, 0, sizeof *m);
}

void proa__map_fini(struct map *m)
{
    proa__free(m->entries);
    proa__map_init(m);
}

/* The place of `key`, or the free one where it would go. There always is a free one. */
static size_t find(const struct map *m, struct proa_str key, uint64_t hash)
{
    size_t at = hash & m->mask;

    while (m->entries[at].value &&
           (m->entries[at].hash != hash || !proa_str_eq(m->entries[at].key, key)))
        at = (at + 1) & m->mask;
    return at;
}

static int grow(struct map *m)
{
    struct map bigger = {.count = m->count};
    size_t i = 0;
    struct map_entry *e;

    bigger.mask = m->entries ? m->mask * 2 + 1 : MAP_FIRST - 1;
    bigger.entries = proa__zalloc_array(bigger.mask + 1, sizeof *bigger.entries);
    if (!bigger.entries)
        return PROA_ENOMEM;
    while ((e = proa__map_next(m, &i)))
        bigger.entries[find(&bigger, e->key, e->hash)] = *e;
    proa__free(m->entries);
    *m = bigger;
    return 0;
}

int proa__map_put(struct map *m, struct proa_str key, void *value, void **ret_old)
{
    uint64_t hash = proa__hash(key);
    struct map_entry *e = m->entries ? &m->entries[find(m, key, hash)] : NULL;
    void *old = e ? e->value : NULL;

    if (!old) {
        if (!m->entries || m->count + 1 > (m->mask + 1) / 4 * 3) {
            int rc = grow(m);
            if (rc < 0)
                return rc;
            e = &m->entries[find(m, key, hash)];
        }
        m->count++;
    }
    *e = (struct map_entry){key, value, hash};
    if (ret_old)
        *ret_old = old;
    return 0;
}

void *proa__map_get(const struct map *m, struct proa_str key)
{
    return m->count ? m->entries[find(m, key, proa__hash(key))].value : NULL;
}

/* Free a place and move back each follower that may stand there, so that no search ends too early.
 */
static void *take(struct map *m, size_t at)
{
    void *value = m->entries[at].value;

    for (size_t next = (at + 1) & m->mask; m->entries[next].value; next = (next + 1) & m->mask) {
        size_t home = m->entries[next].hash & m->mask;
        if (((next - home) & m->mask) >= ((next - at) & m->mask)) {
            m->entries[at] = m->entries[next];
            at = next;
        }
    }
    m->entries[at] = (struct map_entry){0};
    m->count--;
    return value;
}

void *proa__map_remove(struct map *m, struct proa_str key)
{
    size_t at;

    if (m->count == 0)
        return NULL;
    at = find(m, key, proa__hash(key));
    return m->entries[at].value ? take(m, at) : NULL;
}

struct map_entry *proa__map_next(const struct map *m, size_t *i)
{
    while (m->entries && *i <= m->mask) {
        struct map_entry *e = &m->entries[(*i)++];
        if (e->value)
            return e;
    }
    return NULL;
}
