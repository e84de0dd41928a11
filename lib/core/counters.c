#include "core/counters.h"

#include "base/fail.h"

#include <proa/err.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static struct counters *all;  /* NULL: not made yet, or no memory */
static unsigned first_column; /* of this process */
static _Thread_local struct counter_column *here;

/* ---- the memory */

static int make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int rc;

    if (pthread_mutexattr_init(&attr))
        return PROA_ENOMEM;
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    rc = pthread_mutex_init(lock, &attr) ? PROA_ENOMEM : 0;
    pthread_mutexattr_destroy(&attr);
    return rc;
}

/* Most of it is never touched, and so never there. */
static void make(void)
{
    struct counters *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (c == MAP_FAILED)
        return;
    if (make_lock(&c->lock) < 0) {
        munmap(c, sizeof *c);
        return;
    }
    atomic_init(&c->n_columns, 1);
    all = c;
}

struct counters *proa__counters(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make);
    return all;
}

/* ---- columns */

static void take_column(unsigned column)
{
    struct counters *c = proa__counters();
    unsigned n = c ? atomic_load(&c->n_columns) : COUNTER_COLUMNS;

    if (column >= COUNTER_COLUMNS)
        column = 0;
    while (n <= column && !atomic_compare_exchange_weak(&c->n_columns, &n, column + 1))
        ;
    here = c ? &c->columns[column] : NULL;
}

void proa__counters_process(unsigned first)
{
    first_column = first;
}

void proa__counters_thread(unsigned i)
{
    take_column(first_column ? first_column + i : 0);
}

void proa__counters_ended(unsigned first, unsigned n)
{
    struct counters *c = proa__counters();
    unsigned rows = c && first ? atomic_load(&c->n_rows) : 0;

    for (unsigned row = 0; row < rows; row++)
        for (unsigned i = 0; c->rows[row].gauge && i < n; i++)
            atomic_store(&c->columns[first + i].n[row], 0);
}

/* ---- names */

static bool is_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= PROA_COUNTER_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
}

/* With the lock held. */
static int find_or_make(struct counters *c, const char *name, bool gauge)
{
    unsigned n = atomic_load(&c->n_rows);

    for (unsigned i = 0; i < n; i++)
        if (strcmp(c->rows[i].name, name) == 0)
            return c->rows[i].gauge == gauge ? (int)i
                                             : proa__fail(PROA_EINVAL, "%s is a %s already", name,
                                                          gauge ? "counter" : "gauge");
    if (n == PROA_COUNTERS_MAX)
        return proa__fail(PROA_ENOSPC, "no room for the counter %s: there are %d", name,
                          PROA_COUNTERS_MAX);
    memcpy(c->rows[n].name, name, strlen(name) + 1);
    c->rows[n].gauge = gauge;
    atomic_store(&c->n_rows, n + 1); /* complete: now it is there */
    return (int)n;
}

static int enter(const char *name, bool gauge)
{
    struct counters *c = proa__counters();
    int rc;

    if (!c)
        return proa__fail(PROA_ENOMEM, "no memory for counters");
    if (!name || !is_name(name))
        return proa__fail(PROA_EINVAL, "\"%.100s\" is no name of a counter", name ? name : "");
    if (pthread_mutex_lock(&c->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&c->lock); /* what it had begun is not counted in n_rows */
    rc = find_or_make(c, name, gauge);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int proa_counter_register(const char *name)
{
    return enter(name, false);
}

int proa_gauge_register(const char *name)
{
    return enter(name, true);
}

/* ---- counting */

void proa_counter_add(int counter, int64_t n)
{
    if ((unsigned)counter >= PROA_COUNTERS_MAX)
        return;
    if (!here)
        take_column(first_column);
    if (here)
        atomic_fetch_add_explicit(&here->n[counter], n, memory_order_relaxed);
}

static int64_t sum(struct counters *c, unsigned row)
{
    unsigned columns = atomic_load(&c->n_columns);
    int64_t total = 0;

    for (unsigned i = 0; i < columns; i++)
        total += atomic_load_explicit(&c->columns[i].n[row], memory_order_relaxed);
    return total;
}

int64_t proa_counter_read(int counter)
{
    struct counters *c = proa__counters();

    return c && (unsigned)counter < PROA_COUNTERS_MAX ? sum(c, (unsigned)counter) : 0;
}

size_t proa_counters_read(struct proa_counter_value *ret, size_t n)
{
    struct counters *c = proa__counters();
    unsigned rows = c ? atomic_load(&c->n_rows) : 0;

    for (unsigned i = 0; i < rows && i < n; i++)
        ret[i] = (struct proa_counter_value){
            .name = c->rows[i].name,
            .gauge = c->rows[i].gauge,
            .value = sum(c, i),
        };
    return rows;
}
