#ifndef CORE_STACK_H
#define CORE_STACK_H

/*
 * stack: where tasks run, and how a stack costs one page.
 *
 * A stack is 64 KiB of address space unless its task asks for another size, cut from large mappings
 * that reserve nothing. What belongs to the task's whole life, its control block, lies at the top:
 *
 *   low address                                                       high address
 *   | guard 16 KiB | ............ stack, grows <-- | control block | colour |
 *                    ^low                     high^  ^block
 *
 * so a parked shallow task dirties a single page. The colour moves the block by a multiple of
 * 64 bytes from stack to stack; without it all control blocks would fight for the same cache sets.
 *
 * The guard is wide because a frame of 66 KB was seen to step over one page into the neighbour. It
 * is made of, first that works: guard markers in the page table (Linux 6.13; they split no
 * mapping), mprotect (splits one in three, and the kernel bounds their number), nothing but a
 * canary that each switch looks at. One pool a loop, no locks. Stacks come back hot, last in first
 * out. Those beyond a bound that nobody needed from one mark to the next give their pages back to
 * the kernel; giving them back at once would let a wave of tasks pay a page fault each, every time.
 *
 * Between the scheduler and this file: a task that has not run yet has no stack. The scheduler
 * keeps what it needs to start one (function, argument, group) in a record of its own, takes a
 * stack at the first run, and gives it back, from another stack, when the task has ended.
 *
 * Floor: core. Knows nothing of tasks or loops.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__has_feature)
#define STACK_HAS_FEATURE(x) __has_feature(x)
#else
#define STACK_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || STACK_HAS_FEATURE(address_sanitizer)
#define PROA_SANITIZED_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__) || STACK_HAS_FEATURE(thread_sanitizer)
#define PROA_SANITIZED_THREAD 1
#endif
#if defined(PROA_SANITIZED_ADDRESS) || defined(PROA_SANITIZED_THREAD)
#define PROA_SANITIZED 1
#endif

#define STACK_SIZE_DEFAULT ((size_t)64 << 10)
#define STACK_SIZE_MIN ((size_t)16 << 10)
#define STACK_SIZE_MAX ((size_t)1 << 30)
#define STACK_GUARD ((size_t)16 << 10)
#define STACK_CLASS_DEFAULT 2 /* STACK_SIZE_MIN << 2 */
#define STACK_CLASSES 17      /* sizes are powers of two from MIN to MAX */
#define STACK_BLOCK_MAX 1024

enum stack_guard {
    STACK_GUARD_AUTO = 0,
    STACK_GUARD_MARKER,  /* MADV_GUARD_INSTALL */
    STACK_GUARD_PROTECT, /* mprotect */
    STACK_GUARD_CANARY,  /* none; the words below `low` must stay zero */
};

struct stack {
    char *high;                /* the control block; the first frame begins below it */
    char *low;                 /* lowest byte of the stack */
    struct stack_chunk *chunk; /* where it was cut from */
    uint16_t block_size;
    uint8_t guard; /* enum stack_guard, never AUTO */
};

/* The stacks of one size. */
struct stack_class {
    struct stack_idle **dirty; /* given back with their pages: a ring of `room` places */
    size_t room;               /* a power of two, enough for all */
    size_t oldest;             /* its place */
    size_t n_dirty;
    size_t least;               /* n_dirty at its lowest since the last mark */
    size_t spare;               /* so many were not needed between the last two marks */
    struct stack_chunk *chunks; /* newest first */
    size_t n_slots;             /* in all of them */
    size_t n_free;              /* that can be taken without asking the system for more */
};

struct stack_pool {
    struct stack_class classes[STACK_CLASSES];
    size_t n_live;     /* taken and not given back */
    size_t keep_dirty; /* idle stacks of a size that keep their pages for good */
    unsigned colour;
};

void proa__stack_pool_init(struct stack_pool *pool);

/* Unmaps everything. No stack may be in use. */
void proa__stack_pool_fini(struct stack_pool *pool);

/*
 * Take a stack of at least `size` bytes (0: the default; at most STACK_SIZE_MAX) with `block_size`
 * bytes (at most STACK_BLOCK_MAX, 64-byte aligned, contents undefined) at its top. Returns the
 * block and fills *ret, which may lie in the block; NULL when out of memory.
 */
void *proa__stack_take(struct stack_pool *pool, size_t size, size_t block_size, struct stack *ret);

bool proa__stack_reserve_more(struct stack_pool *pool, size_t n);

/* See to it that `n` stacks of the default size can be taken, whatever happens; false: no memory.
 */
static inline bool proa__stack_reserve(struct stack_pool *pool, size_t n)
{
    return pool->classes[STACK_CLASS_DEFAULT].n_free >= n || proa__stack_reserve_more(pool, n);
}

/* Give it back. Never from that stack itself; the block is gone with it. */
void proa__stack_give(struct stack_pool *pool, const struct stack *stack);

/* A time has passed, a second or so: what was idle all the while is spare. True: something is dirty
 * beyond the bound, so there should be a further mark. */
bool proa__stack_pool_mark(struct stack_pool *pool);

/* Let at most `n` of the spare ones give their pages back. True: more are left. */
bool proa__stack_pool_trim(struct stack_pool *pool, size_t n);

/* Return the pages below `sp`, which nothing uses, to the kernel. For tasks that sleep long. */
void proa__stack_trim(const struct stack *stack, const char *sp);

/* Let all idle stacks give back what they were used for. */
void proa__stack_pool_clean(const struct stack_pool *pool);

/* Its bytes, with what lies above it. */
size_t proa__stack_size(const struct stack *stack);

/* For the next one, crash.c: abort with a sentence that names the task. */
_Noreturn void proa__stack_overflowed(const struct stack *stack);

/* Abort with a sentence if the canary of a stack without guard was overwritten. */
void proa__stack_check(const struct stack *stack);

/* For tests: which guard new stacks get from now on, and how many mappings the kernel allows. */
void proa__stack_force(enum stack_guard guard, size_t map_limit);

/* The guard that new stacks get at present. */
enum stack_guard proa__stack_guard(void);

#endif
