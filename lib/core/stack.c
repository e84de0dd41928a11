#include "core/stack.h"

#include "base/check.h"
#include "base/mem.h"
#include "core/stack_guard.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_STACK_REGISTER(low, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#ifdef PROA_SANITIZED_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

#define LINE ((size_t)64) /* a cache line */
#define COLOURS 32        /* half a page of them */
#define KEEP_DIRTY 1024
#define CHUNK_FIRST 16 /* stacks in the first mapping of a size; each next one doubles */
#define CHUNK_LAST 65536
#define CHUNK_BYTES ((size_t)8 << 30)
#define BITS_A_WORD 64

#ifdef PROA_SANITIZED
#define STACK_FACTOR 4 /* their frames are that much larger */
#else
#define STACK_FACTOR 1
#endif
#define FACTOR_UP_TO ((size_t)16 << 20) /* beyond, there is room enough */

/* One mapping: slots of guard and stack, side by side. */
struct stack_chunk {
    struct stack_chunk *next;
    struct stack_class *class;
    char *base;
    size_t size; /* of a stack, without its guard */
    size_t n_slots;
    size_t n_used;  /* slots used at least once; the rest is untouched */
    size_t n_clean; /* of those, idle without pages */
    size_t n_protect;
    unsigned *valgrind; /* ids of the used slots; only under Valgrind */
    uint64_t *clean;    /* a bit a slot: idle without pages */
    uint64_t *bare;     /* a bit a slot: has no guard */
};

/* At the place of the control block while the stack is idle with its pages. */
struct stack_idle {
    struct stack stack;
};

#define AHEAD 6 /* so many takes before its own a stack is asked of the memory */

static size_t page_size(void)
{
    static _Atomic size_t known; /* the same in all threads, whoever asks first */
    size_t size = atomic_load_explicit(&known, memory_order_relaxed);

    if (!size) {
        size = (size_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&known, size, memory_order_relaxed);
    }
    return size;
}

static char *slot_low(const struct stack_chunk *chunk, size_t slot)
{
    return chunk->base + slot * (chunk->size + STACK_GUARD) + STACK_GUARD;
}

static size_t slot_of(const struct stack_chunk *chunk, const char *low)
{
    return (size_t)(low - chunk->base) / (chunk->size + STACK_GUARD);
}

static void bit_set(uint64_t *bits, size_t i)
{
    bits[i / BITS_A_WORD] |= UINT64_C(1) << i % BITS_A_WORD;
}

static bool bit_take(uint64_t *bits, size_t i)
{
    uint64_t mask = UINT64_C(1) << i % BITS_A_WORD;
    bool was = bits[i / BITS_A_WORD] & mask;

    bits[i / BITS_A_WORD] &= ~mask;
    return was;
}

void proa__stack_pool_init(struct stack_pool *pool)
{
    memset(pool, 0, sizeof *pool);
    pool->keep_dirty = KEEP_DIRTY;
}

/* What the tools are told of a stack that comes into use, and of one that goes out of it. */
static void announce_use(char *low, size_t size)
{
#ifdef PROA_SANITIZED_ADDRESS
    __asan_unpoison_memory_region(low, size);
    __lsan_register_root_region(low, size); /* without its guard: the scan would crash there */
#else
    (void)low;
    (void)size;
#endif
}

static void announce_idle(char *low, size_t size)
{
#ifdef PROA_SANITIZED_ADDRESS
    __lsan_unregister_root_region(low, size);
    __asan_unpoison_memory_region(low, size);
#else
    (void)low;
    (void)size;
#endif
}

static void free_chunk(struct stack_chunk *chunk)
{
    if (chunk->valgrind)
        for (size_t i = 0; i < chunk->n_used; i++)
            VALGRIND_STACK_DEREGISTER(chunk->valgrind[i]);
    munmap(chunk->base, chunk->n_slots * (chunk->size + STACK_GUARD));
    proa__stack_guard_forget(chunk->n_protect);
    proa__free(chunk->valgrind);
    proa__free(chunk->clean);
    proa__free(chunk->bare);
    proa__free(chunk);
}

void proa__stack_pool_fini(struct stack_pool *pool)
{
    PROA_CHECK(pool->n_live == 0, "a stack pool was freed while %zu stacks are in use",
               pool->n_live);
    for (size_t i = 0; i < STACK_CLASSES; i++) {
        struct stack_chunk *chunk = pool->classes[i].chunks;

        while (chunk) {
            struct stack_chunk *next = chunk->next;

            free_chunk(chunk);
            chunk = next;
        }
        proa__free(pool->classes[i].dirty);
    }
    memset(pool, 0, sizeof *pool);
}

/* Map room for `n` stacks, or for fewer if the address space is bounded. */
static bool map_chunk(struct stack_chunk *chunk, size_t n)
{
    size_t stride = chunk->size + STACK_GUARD;

    for (; n > 0; n /= 2) {
        void *p = mmap(NULL, n * stride, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

        if (p == MAP_FAILED)
            continue;
        madvise(p, n * stride, MADV_NOHUGEPAGE); /* a kernel without huge pages refuses: as well */
        chunk->base = p;
        chunk->n_slots = n;
        return true;
    }
    return false;
}

/* The ring gets room for `n` more stacks of this size, all idle at once. */
static bool widen(struct stack_class *class, size_t n)
{
    size_t room = class->room ? class->room : CHUNK_FIRST;
    struct stack_idle **ring;

    while (room < class->n_slots + n)
        room *= 2;
    if (room == class->room)
        return true;
    ring = proa__alloc(room * sizeof(struct stack_idle *));
    if (!ring)
        return false;
    for (size_t i = 0; i < class->n_dirty; i++)
        ring[i] = class->dirty[(class->oldest + i) & (class->room - 1)];
    proa__free(class->dirty);
    class->dirty = ring;
    class->room = room;
    class->oldest = 0;
    return true;
}

static struct stack_chunk *new_chunk(struct stack_class *class, size_t size)
{
    size_t most = CHUNK_BYTES / (size + STACK_GUARD);
    size_t n = class->chunks ? class->chunks->n_slots * 2 : CHUNK_FIRST;
    struct stack_chunk *chunk = proa__zalloc(sizeof *chunk);

    if (!chunk)
        return NULL;
    if (most > CHUNK_LAST)
        most = CHUNK_LAST;
    chunk->class = class;
    chunk->size = size;
    if (!map_chunk(chunk, n < most ? n : most)) {
        proa__free(chunk);
        return NULL;
    }
    chunk->clean = proa__zalloc_array(chunk->n_slots / BITS_A_WORD + 1, sizeof(uint64_t));
    chunk->bare = proa__zalloc_array(chunk->n_slots / BITS_A_WORD + 1, sizeof(uint64_t));
    if (RUNNING_ON_VALGRIND)
        chunk->valgrind = proa__zalloc_array(chunk->n_slots, sizeof(unsigned));
    if (!chunk->clean || !chunk->bare || (RUNNING_ON_VALGRIND && !chunk->valgrind) ||
        !widen(class, chunk->n_slots)) {
        free_chunk(chunk);
        return NULL;
    }
    chunk->next = class->chunks;
    class->chunks = chunk;
    class->n_slots += chunk->n_slots;
    class->n_free += chunk->n_slots;
    return chunk;
}

/* The first use of a slot: this is when it gets its guard. */
static void open_slot(struct stack_chunk *chunk, struct stack *ret)
{
    size_t slot = chunk->n_used++;

    ret->low = slot_low(chunk, slot);
    ret->chunk = chunk;
    ret->guard = (uint8_t)proa__stack_guard_install(ret->low - STACK_GUARD);
    if (ret->guard == STACK_GUARD_CANARY)
        bit_set(chunk->bare, slot);
    else if (ret->guard == STACK_GUARD_PROTECT)
        chunk->n_protect++;
    if (chunk->valgrind)
        chunk->valgrind[slot] = VALGRIND_STACK_REGISTER(ret->low, ret->low + chunk->size);
}

/* An idle slot whose pages went back. */
static void reopen_slot(struct stack_chunk *chunk, struct stack *ret)
{
    size_t word = 0;
    size_t slot;

    while (!chunk->clean[word])
        word++;
    slot = word * BITS_A_WORD + (size_t)__builtin_ctzll(chunk->clean[word]);
    bit_take(chunk->clean, slot);
    chunk->n_clean--;
    ret->low = slot_low(chunk, slot);
    ret->chunk = chunk;
    if (bit_take(chunk->bare, slot)) {
        bit_set(chunk->bare, slot);
        ret->guard = STACK_GUARD_CANARY;
    } else {
        ret->guard = (uint8_t)STACK_GUARD_MARKER; /* or mprotect: nobody asks after this */
    }
}

static bool cut_stack(struct stack_class *class, size_t size, struct stack *ret)
{
    struct stack_chunk *chunk;

    for (chunk = class->chunks; chunk; chunk = chunk->next)
        if (chunk->n_clean) {
            reopen_slot(chunk, ret);
            return true;
        }
    chunk = class->chunks;
    while (chunk && chunk->n_used == chunk->n_slots)
        chunk = chunk->next;
    if (!chunk)
        chunk = new_chunk(class, size);
    if (!chunk)
        return false;
    open_slot(chunk, ret);
    return true;
}

static unsigned class_of(size_t size)
{
    unsigned class = 0;

    PROA_CHECK(size <= STACK_SIZE_MAX, "a stack of %zu bytes was asked for; at most %zu", size,
               STACK_SIZE_MAX);
    while (STACK_SIZE_MIN << class < size)
        class ++;
    return class;
}

static size_t real_size(size_t size)
{
    return size <= FACTOR_UP_TO ? size * STACK_FACTOR : size;
}

static char *place_block(struct stack_pool *pool, const struct stack *stack, size_t size)
{
    unsigned colour = pool->colour++ % COLOURS;

    return stack->low + stack->chunk->size - colour * LINE - size;
}

bool proa__stack_reserve_more(struct stack_pool *pool, size_t n)
{
    struct stack_class *c = &pool->classes[class_of(STACK_SIZE_DEFAULT)];

    while (c->n_free < n)
        if (!new_chunk(c, STACK_SIZE_DEFAULT * STACK_FACTOR))
            return false;
    return true;
}

static struct stack_idle *dirty_at(const struct stack_class *c, size_t i)
{
    return c->dirty[(c->oldest + i) & (c->room - 1)];
}

/* The newest, which is the hottest. After a wave of tasks even that has long left the cache. */
static struct stack take_dirty(struct stack_class *c)
{
    size_t i = --c->n_dirty;

    if (i < c->least)
        c->least = i;
    if (i >= AHEAD) {
        char *later = (char *)dirty_at(c, i - AHEAD);

        __builtin_prefetch(later, 1);
        __builtin_prefetch(later - LINE, 1);
    }
    return dirty_at(c, i)->stack;
}

void *proa__stack_take(struct stack_pool *pool, size_t size, size_t block_size, struct stack *ret)
{
    unsigned class = class_of(size ? size : STACK_SIZE_DEFAULT);
    struct stack_class *c = &pool->classes[class];
    struct stack stack;

    block_size = (block_size + LINE - 1) / LINE * LINE;
    if (c->n_dirty) {
        stack = take_dirty(c);
    } else {
        if (!cut_stack(c, real_size(STACK_SIZE_MIN << class), &stack))
            return NULL;
        stack.block_size = 0;
    }
    if (stack.block_size != block_size) {
        stack.high = place_block(pool, &stack, block_size);
        stack.block_size = (uint16_t)block_size;
    }
    announce_use(stack.low, stack.chunk->size);
    c->n_free--;
    pool->n_live++;
    *ret = stack;
    return stack.high;
}

void proa__stack_give(struct stack_pool *pool, const struct stack *given)
{
    struct stack stack = *given; /* lies in what is overwritten now */
    struct stack_chunk *chunk = stack.chunk;
    struct stack_class *class = chunk->class;
    struct stack_idle *idle;

    if (stack.guard == STACK_GUARD_CANARY)
        proa__stack_check(&stack);
    announce_idle(stack.low, chunk->size);
    pool->n_live--;
    class->n_free++;
    idle = (struct stack_idle *)(void *)stack.high;
    idle->stack = stack;
    class->dirty[(class->oldest + class->n_dirty++) & (class->room - 1)] = idle;
}

size_t proa__stack_size(const struct stack *stack)
{
    return stack->chunk->size;
}

/* ---- giving pages back */

bool proa__stack_pool_mark(struct stack_pool *pool)
{
    bool again = false;

    for (size_t i = 0; i < STACK_CLASSES; i++) {
        struct stack_class *c = &pool->classes[i];

        c->spare = c->least;
        c->least = c->n_dirty;
        again = again || c->n_dirty > pool->keep_dirty;
    }
    return again;
}

static void give_oldest_back(struct stack_class *c)
{
    struct stack stack = dirty_at(c, 0)->stack;

    c->oldest = (c->oldest + 1) & (c->room - 1);
    c->n_dirty--;
    if (c->least > c->n_dirty)
        c->least = c->n_dirty;
    madvise(stack.low, stack.chunk->size, MADV_DONTNEED);
    bit_set(stack.chunk->clean, slot_of(stack.chunk, stack.low));
    stack.chunk->n_clean++;
}

bool proa__stack_pool_trim(struct stack_pool *pool, size_t n)
{
    for (size_t i = 0; i < STACK_CLASSES; i++) {
        struct stack_class *c = &pool->classes[i];

        for (; c->spare && c->n_dirty > pool->keep_dirty; c->spare--) {
            if (n-- == 0)
                return true;
            give_oldest_back(c);
        }
        c->spare = 0;
    }
    return false;
}

void proa__stack_trim(const struct stack *stack, const char *sp)
{
    size_t page = page_size();
    size_t used = (size_t)(sp - stack->low) - 256; /* the red zone, and what a switch pushes */

    madvise(stack->low, used / page * page, MADV_DONTNEED);
}

void proa__stack_pool_clean(const struct stack_pool *pool)
{
    for (size_t i = 0; i < STACK_CLASSES; i++)
        for (size_t k = 0; k < pool->classes[i].n_dirty; k++) {
            const struct stack *stack = &dirty_at(&pool->classes[i], k)->stack;

            proa__stack_trim(stack, stack->high);
        }
}
