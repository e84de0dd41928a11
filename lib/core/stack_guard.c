#include "core/stack_guard.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#define CANARY_SIZE 64
#define MAP_LIMIT_DEFAULT 65530 /* the kernel's, should /proc not tell */
#define MAPS_A_GUARD 2          /* mprotect splits one mapping in three: guard, stack, rest */

static pthread_once_t probed = PTHREAD_ONCE_INIT;
static _Atomic enum stack_guard best = STACK_GUARD_AUTO;
static atomic_size_t map_limit; /* mappings that the kernel allows this process */
static atomic_size_t n_protect; /* stacks guarded by mprotect, in all pools */
static atomic_bool told;

/* The kernel gives up for the moment when others work on the same pages: seen now and then among a
 * million. */
static bool install_marker(char *where)
{
    for (int i = 0; i < 100; i++) {
        if (madvise(where, STACK_GUARD, MADV_GUARD_INSTALL) == 0)
            return true;
        if (errno != EINTR && errno != EAGAIN)
            return false;
    }
    return false;
}

/* The first and the last page must be refused by the kernel itself. */
static bool marker_works(void)
{
    char *page = mmap(NULL, STACK_GUARD, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool works;

    if (page == MAP_FAILED)
        return false;
    works = install_marker(page) && access(page, F_OK) == -1 && errno == EFAULT &&
            access(page + STACK_GUARD - 1, F_OK) == -1 && errno == EFAULT;
    munmap(page, STACK_GUARD);
    return works;
}

static size_t read_map_limit(void)
{
    char text[32];
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    unsigned long limit;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return MAP_LIMIT_DEFAULT;
    text[n] = '\0';
    limit = strtoul(text, NULL, 10);
    return limit ? limit : MAP_LIMIT_DEFAULT;
}

static void probe(void)
{
#ifdef PROA_SANITIZED
    bool foreign = true; /* the sanitizers' own maps know nothing of markers */
#else
    bool foreign = RUNNING_ON_VALGRIND;
#endif

    atomic_store(&map_limit, read_map_limit());
    atomic_store(&best, !foreign && marker_works() ? STACK_GUARD_MARKER : STACK_GUARD_PROTECT);
}

void proa__stack_force(enum stack_guard guard, size_t limit)
{
    pthread_once(&probed, probe);
    if (guard == STACK_GUARD_AUTO)
        probe();
    else
        atomic_store(&best, guard);
    if (limit)
        atomic_store(&map_limit, limit);
}

enum stack_guard proa__stack_guard(void)
{
    pthread_once(&probed, probe);
    return atomic_load_explicit(&best, memory_order_relaxed);
}

/* A quarter of the mappings that the kernel allows stay for everybody else. */
static bool protect_has_room(void)
{
    size_t limit = atomic_load_explicit(&map_limit, memory_order_relaxed);

    return atomic_load_explicit(&n_protect, memory_order_relaxed) < limit / 4 * 3 / MAPS_A_GUARD;
}

static bool install_protect(char *where)
{
    if (!protect_has_room() || mprotect(where, STACK_GUARD, PROT_NONE) < 0)
        return false;
    atomic_fetch_add_explicit(&n_protect, 1, memory_order_relaxed);
    return true;
}

void proa__stack_guard_forget(size_t n)
{
    atomic_fetch_sub_explicit(&n_protect, n, memory_order_relaxed);
}

enum stack_guard proa__stack_guard_install(char *where)
{
    enum stack_guard guard = proa__stack_guard();

    if (guard == STACK_GUARD_MARKER && install_marker(where))
        return STACK_GUARD_MARKER;
    if (guard != STACK_GUARD_CANARY && install_protect(where))
        return STACK_GUARD_PROTECT;
    if (!atomic_exchange(&told, true))
        proa__log(PROA_LOG_WARNING, "further task stacks have no guard page but a canary that each "
                                    "switch checks (vm.max_map_count is near)");
    return STACK_GUARD_CANARY;
}

/*
 * The canary is the top of what would be the guard, and its value is zero: so looking at it
 * costs no page, and up to STACK_GUARD bytes of overflow hurt nobody before it is seen.
 */
void proa__stack_check(const struct stack *stack)
{
    static const char zero[CANARY_SIZE];

    if (memcmp(stack->low - CANARY_SIZE, zero, CANARY_SIZE) != 0)
        proa__stack_overflowed(stack);
}
