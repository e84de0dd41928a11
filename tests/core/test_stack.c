#include "core/coro.h"
#include "core/stack.h"
#include "support/test.h"

#include <proa/log.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define BLOCK 320

static struct stack_pool pool;

static void begin(enum stack_guard guard)
{
    proa__stack_force(guard, 0);
    proa__stack_pool_init(&pool);
}

static struct stack take(size_t size)
{
    struct stack stack;

    ck_assert_ptr_nonnull(proa__stack_take(&pool, size, BLOCK, &stack));
    return stack;
}

/* How many pages of the stack, block included, have memory. */
static size_t pages(const struct stack *stack)
{
    size_t n = ((size_t)(stack->high - stack->low) + BLOCK + PAGE - 1) / PAGE;
    unsigned char there[256];
    size_t count = 0;

    ck_assert_uint_le(n, sizeof there);
    ck_assert_int_eq(mincore(stack->low, n * PAGE, there), 0);
    for (size_t i = 0; i < n; i++)
        count += there[i] & 1;
    return count;
}

/* What touching this address does: 0, or the signal. */
static int touch(char *at)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        *(volatile char *)at = 1;
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void check_guarded(enum stack_guard guard)
{
    begin(guard);
    struct stack a = take(0);
    struct stack b = take(0);

    ck_assert_int_eq(a.guard, guard);
    ck_assert_int_ne(touch(a.low - 1), 0);
    ck_assert_int_ne(touch(a.low - STACK_GUARD), 0);
    ck_assert_int_ne(touch(b.low - 1), 0);
    ck_assert_int_eq(touch(a.low), 0);
    ck_assert_int_eq(touch(b.high - 1), 0);
    ck_assert_int_eq(touch(b.low - STACK_GUARD - BLOCK), 0); /* the neighbour's, which is a stack */
    proa__stack_give(&pool, &a);
    proa__stack_give(&pool, &b);
    proa__stack_pool_fini(&pool);
}

static bool kernel_has_markers(void)
{
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool has = madvise(p, PAGE, 102) == 0;

    munmap(p, PAGE);
    return has;
}

START_TEST(guard_markers_stop_an_overflow)
{
    if (kernel_has_markers())
        check_guarded(STACK_GUARD_MARKER);
}
END_TEST

START_TEST(mprotect_stops_an_overflow)
{
    check_guarded(STACK_GUARD_PROTECT);
}
END_TEST

START_TEST(the_best_guard_is_found)
{
#ifdef PROA_SANITIZED
    bool markers = false;
#else
    bool markers = kernel_has_markers();
#endif

    proa__stack_force(STACK_GUARD_AUTO, 0);
    ck_assert_int_eq(proa__stack_guard(), markers ? STACK_GUARD_MARKER : STACK_GUARD_PROTECT);
}
END_TEST

static struct coro ours;
static struct coro *bare;

static void overflow_a_little(void *arg)
{
    (void)arg;
    bare->stack.low[-1] = 7; /* what an overflow does; ASan has no opinion here */
    proa__coro_switch(bare, &ours);
}

static void run_bare(void *arg)
{
    struct stack stack;

    begin(STACK_GUARD_CANARY);
    bare = proa__stack_take(&pool, 0, sizeof *bare, &stack);
    ck_assert_int_eq(stack.guard, STACK_GUARD_CANARY);
    memset(bare, 0, sizeof *bare);
    bare->stack = stack;
    proa__coro_init(bare, overflow_a_little, arg);
    proa__coro_switch(&ours, bare);
}

START_TEST(a_canary_tells_of_an_overflow_at_the_switch)
{
    t_aborts(run_bare, NULL, "a task overflowed its stack");
}
END_TEST

static void give_overflowed(void *arg)
{
    (void)arg;
    begin(STACK_GUARD_CANARY);
    struct stack stack = take(0);

    stack.low[-64] = 1;
    proa__stack_give(&pool, &stack);
}

START_TEST(a_canary_tells_of_an_overflow_at_the_end)
{
    t_aborts(give_overflowed, NULL, "a task overflowed its stack");
}
END_TEST

START_TEST(a_canary_costs_no_page)
{
    begin(STACK_GUARD_CANARY);
    struct stack stack = take(0);

    *stack.high = 1;
    size_t before = pages(&stack);
    proa__stack_check(&stack);
    ck_assert_uint_eq(pages(&stack), before);
    proa__stack_give(&pool, &stack);
    proa__stack_pool_fini(&pool);
}
END_TEST

static unsigned n_logged;

static void count_log(enum proa_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)arg;
    ck_assert_ptr_nonnull(strstr(text, "canary"));
    n_logged++;
}

/* 16 mappings allowed, a quarter left to others, two a guard: six guards. */
START_TEST(near_the_limit_of_mappings_stacks_get_a_canary)
{
    struct stack stacks[20];
    unsigned guarded = 0;

    proa_log_set(count_log, NULL);
    begin(STACK_GUARD_PROTECT);
    proa__stack_force(STACK_GUARD_PROTECT, 16);
    for (int i = 0; i < 20; i++) {
        stacks[i] = take(0);
        ck_assert_int_eq(stacks[i].guard, i < 6 ? STACK_GUARD_PROTECT : STACK_GUARD_CANARY);
        guarded += stacks[i].guard == STACK_GUARD_PROTECT;
    }
    ck_assert_uint_eq(guarded, 6);
    ck_assert_uint_eq(n_logged, 1);
    for (int i = 0; i < 20; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_fini(&pool);

    proa__stack_pool_init(&pool); /* those guards are gone, so there is room for others */
    stacks[0] = take(0);
    ck_assert_int_eq(stacks[0].guard, STACK_GUARD_PROTECT);
    proa__stack_give(&pool, &stacks[0]);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(a_stack_that_lost_its_pages_keeps_its_canary)
{
    begin(STACK_GUARD_CANARY);
    pool.keep_dirty = 0;
    struct stack stack = take(0);
    char *low = stack.low;

    proa__stack_give(&pool, &stack);
    ck_assert(proa__stack_pool_mark(&pool));
    proa__stack_pool_mark(&pool);
    ck_assert(!proa__stack_pool_trim(&pool, 1));
    ck_assert_uint_eq(pages(&stack), 0);
    stack = take(0);
    ck_assert_ptr_eq(stack.low, low);
    ck_assert_int_eq(stack.guard, STACK_GUARD_CANARY);
    proa__stack_give(&pool, &stack);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(the_last_one_given_is_the_first_taken)
{
    begin(STACK_GUARD_AUTO);
    struct stack a = take(0);
    struct stack b = take(0);

    proa__stack_give(&pool, &a);
    proa__stack_give(&pool, &b);
    ck_assert_ptr_eq(take(0).high, b.high);
    ck_assert_ptr_eq(take(0).high, a.high);
    ck_assert_uint_eq(pool.n_live, 2);
    proa__stack_give(&pool, &a);
    proa__stack_give(&pool, &b);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(a_shallow_stack_is_one_page)
{
    begin(STACK_GUARD_AUTO);
    struct stack stack = take(0);

    memset(stack.high - 1000, 1, 1000 + BLOCK);
    ck_assert_uint_eq(pages(&stack), 1);
    proa__stack_give(&pool, &stack);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(beyond_the_bound_spare_stacks_give_their_pages_back)
{
    struct stack stacks[5];

    begin(STACK_GUARD_AUTO);
    pool.keep_dirty = 2;
    for (int i = 0; i < 5; i++) {
        stacks[i] = take(0);
        memset(stacks[i].low, 1, 3 * PAGE);
    }
    ck_assert(!proa__stack_pool_mark(&pool));
    for (int i = 0; i < 5; i++)
        proa__stack_give(&pool, &stacks[i]);
    ck_assert(proa__stack_pool_mark(&pool)); /* they were in use meanwhile */
    ck_assert(!proa__stack_pool_trim(&pool, 9));
    ck_assert_uint_eq(pages(&stacks[0]), 4); /* 3, and that of the block */

    struct stack busy = take(0);
    proa__stack_give(&pool, &busy); /* one was needed in between */
    ck_assert(proa__stack_pool_mark(&pool));
    ck_assert(proa__stack_pool_trim(&pool, 2));
    ck_assert(!proa__stack_pool_trim(&pool, 1));
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(pages(&stacks[i]), i < 3 ? 0 : 4); /* the oldest have none */
    ck_assert(!proa__stack_pool_mark(&pool));
    for (int i = 0; i < 5; i++)
        stacks[i] = take(0);
    ck_assert_uint_eq(pool.n_live, 5);
    for (int i = 0; i < 5; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(what_was_needed_between_two_marks_stays_and_the_ring_grows_around_it)
{
    struct stack stacks[5];

    begin(STACK_GUARD_AUTO);
    pool.keep_dirty = 0;
    for (int i = 0; i < 5; i++)
        stacks[i] = take(0);
    for (int i = 0; i < 5; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_mark(&pool);
    take(0);
    take(0);
    proa__stack_give(&pool, &stacks[3]);
    proa__stack_give(&pool, &stacks[4]);
    proa__stack_pool_mark(&pool);
    ck_assert(!proa__stack_pool_trim(&pool, 9));
    ck_assert_uint_eq(pool.classes[STACK_CLASS_DEFAULT].n_dirty, 2);
    ck_assert(proa__stack_reserve(&pool, 1000));
    ck_assert_ptr_eq(take(0).low, stacks[4].low);
    ck_assert_ptr_eq(take(0).low, stacks[3].low);
    proa__stack_give(&pool, &stacks[3]);
    proa__stack_give(&pool, &stacks[4]);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(a_stack_given_since_the_last_trim_is_not_spare)
{
    struct stack stacks[5];

    begin(STACK_GUARD_AUTO);
    pool.keep_dirty = 0;
    for (int i = 0; i < 5; i++)
        stacks[i] = take(0);
    for (int i = 0; i < 3; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_mark(&pool);
    proa__stack_pool_mark(&pool);
    ck_assert(proa__stack_pool_trim(&pool, 2)); /* of three one is left */
    for (int i = 3; i < 5; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_mark(&pool);
    ck_assert(!proa__stack_pool_trim(&pool, 9));
    ck_assert_uint_eq(pool.classes[STACK_CLASS_DEFAULT].n_dirty, 2);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(trimming_leaves_what_is_in_use)
{
    begin(STACK_GUARD_AUTO);
    struct stack stack = take(0);

    memset(stack.low, 1, (size_t)(stack.high - stack.low));
    proa__stack_trim(&stack, stack.high - 5 * PAGE);
    ck_assert_uint_ge(pages(&stack), 5);
    ck_assert_uint_le(pages(&stack), 7);
    ck_assert_int_eq(stack.high[-5 * PAGE], 1);
    ck_assert_int_eq(stack.high[-1], 1);
    proa__stack_give(&pool, &stack);
    proa__stack_pool_fini(&pool);
}
END_TEST

START_TEST(control_blocks_lie_in_different_cache_sets)
{
    static struct stack stacks[64];
    bool seen[PAGE / 64] = {false};
    int colours = 0;

    begin(STACK_GUARD_AUTO);
    for (int i = 0; i < 64; i++) {
        stacks[i] = take(0);
        ck_assert_uint_eq((uintptr_t)stacks[i].high % 64, 0);
        size_t set = (uintptr_t)stacks[i].high % PAGE / 64;
        colours += !seen[set];
        seen[set] = true;
    }
    ck_assert_int_eq(colours, 32);
    for (int i = 0; i < 64; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_fini(&pool);
}
END_TEST

static size_t count_maps(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    size_t n = 0;

    for (int c; (c = getc(f)) != EOF;)
        n += c == '\n';
    fclose(f);
    return n;
}

START_TEST(guard_markers_split_no_mapping)
{
    static struct stack stacks[5000];

#ifdef PROA_SANITIZED
    return; /* whose shadow memory is mappings too */
#endif
    if (!kernel_has_markers())
        return;
    size_t before = count_maps();
    begin(STACK_GUARD_MARKER);
    for (int i = 0; i < 5000; i++)
        stacks[i] = take(0);
    ck_assert_uint_le(count_maps() - before, 12);
    for (int i = 0; i < 5000; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_fini(&pool);
    ck_assert_uint_le(count_maps(), before + 1); /* the allocator may have made one of its own */
}
END_TEST

START_TEST(sizes_are_rounded_up)
{
    static const size_t asked[] = {1, STACK_SIZE_MIN, STACK_SIZE_MIN + 1, 100000, STACK_SIZE_MAX};

    begin(STACK_GUARD_AUTO);
    for (int i = 0; i < 5; i++) {
        struct stack stack = take(asked[i]);

        ck_assert_uint_ge((size_t)(stack.high - stack.low) + BLOCK + 32 * 64, asked[i]);
        *stack.low = 1;
        proa__stack_give(&pool, &stack);
    }
    proa__stack_pool_fini(&pool);
}
END_TEST

static void take_too_much(void *arg)
{
    struct stack stack;

    (void)arg;
    begin(STACK_GUARD_AUTO);
    proa__stack_take(&pool, STACK_SIZE_MAX + 1, BLOCK, &stack);
}

START_TEST(a_size_beyond_the_most_aborts)
{
    t_aborts(take_too_much, NULL, "bytes was asked for");
}
END_TEST

static size_t address_space(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    size_t n = 0;

    ck_assert_int_eq(fscanf(f, "%zu", &n), 1);
    fclose(f);
    return n * PAGE;
}

/* The address space is bounded: first smaller mappings, until hardly any is left; then NULL. */
START_TEST(without_address_space_there_is_no_stack)
{
    static struct stack stacks[4096];
    const size_t room = 100 << 20;
    struct rlimit limit;
    size_t n = 0;

#ifdef PROA_SANITIZED
    return;
#endif
    begin(STACK_GUARD_AUTO);
    getrlimit(RLIMIT_AS, &limit);
    rlim_t old = limit.rlim_cur;
    limit.rlim_cur = address_space() + room;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    while (n < 4096 && proa__stack_take(&pool, 0, BLOCK, &stacks[n]))
        n++;
    limit.rlim_cur = old;
    setrlimit(RLIMIT_AS, &limit);
    ck_assert_uint_le(n, room / (STACK_SIZE_DEFAULT + STACK_GUARD));
    ck_assert_uint_ge(n, room / (STACK_SIZE_DEFAULT + STACK_GUARD) * 9 / 10);
    for (size_t i = 0; i < n; i++)
        proa__stack_give(&pool, &stacks[i]);
    proa__stack_pool_fini(&pool);
}
END_TEST

static int take_and_give(void *arg)
{
    struct stack stack;

    (void)arg;
    begin(STACK_GUARD_AUTO);
    bool got = proa__stack_take(&pool, 0, BLOCK, &stack);
    if (got)
        proa__stack_give(&pool, &stack);
    proa__stack_pool_fini(&pool);
    return got ? 0 : PROA_ENOMEM;
}

START_TEST(each_allocation_may_fail)
{
    t_each_alloc(take_and_give, NULL);
}
END_TEST

static void free_too_early(void *arg)
{
    (void)arg;
    begin(STACK_GUARD_AUTO);
    take(0);
    proa__stack_pool_fini(&pool);
}

START_TEST(a_pool_with_stacks_in_use_is_not_freed)
{
    t_aborts(free_too_early, NULL, "1 stacks are in use");
}
END_TEST

int main(void)
{
    return t_main("stack", (const TTest *const[]){
                               guard_markers_stop_an_overflow,
                               mprotect_stops_an_overflow,
                               the_best_guard_is_found,
                               a_canary_tells_of_an_overflow_at_the_switch,
                               a_canary_tells_of_an_overflow_at_the_end,
                               a_canary_costs_no_page,
                               near_the_limit_of_mappings_stacks_get_a_canary,
                               a_stack_that_lost_its_pages_keeps_its_canary,
                               the_last_one_given_is_the_first_taken,
                               a_shallow_stack_is_one_page,
                               beyond_the_bound_spare_stacks_give_their_pages_back,
                               what_was_needed_between_two_marks_stays_and_the_ring_grows_around_it,
                               a_stack_given_since_the_last_trim_is_not_spare,
                               trimming_leaves_what_is_in_use,
                               control_blocks_lie_in_different_cache_sets,
                               guard_markers_split_no_mapping,
                               sizes_are_rounded_up,
                               a_size_beyond_the_most_aborts,
                               without_address_space_there_is_no_stack,
                               each_allocation_may_fail,
                               a_pool_with_stacks_in_use_is_not_freed,
                               NULL,
                           });
}
