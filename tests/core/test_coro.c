#include "core/coro.h"
#include "support/test.h"

#include <execinfo.h>
#include <fenv.h>
#include <math.h>
#include <string.h>

/* A coro with room for what its test keeps, at the top of its stack. */
struct flow {
    struct coro coro;
    struct coro *back;
    int steps;
    int depth;
    char *last; /* return address at the bottom */
    long rounded;
    bool aligned;
};

static struct stack_pool pool;
static struct coro ours; /* this thread's own stack */

static struct flow *start(coro_fn *fn)
{
    struct stack stack;
    struct flow *f;

    if (!pool.keep_dirty)
        proa__stack_pool_init(&pool);
    f = proa__stack_take(&pool, 0, sizeof *f, &stack);
    ck_assert_ptr_nonnull(f);
    memset(f, 0, sizeof *f);
    f->coro.stack = stack;
    f->back = &ours;
    proa__coro_init(&f->coro, fn, f);
    return f;
}

static void finish(struct flow *f)
{
    struct stack stack = f->coro.stack;

    proa__coro_fini(&f->coro);
    proa__stack_give(&pool, &stack);
    if (!pool.n_live)
        proa__stack_pool_fini(&pool);
}

static void count(void *arg)
{
    struct flow *f = arg;

    for (;;) {
        f->steps++;
        proa__coro_switch(&f->coro, f->back);
    }
}

START_TEST(each_switch_continues_where_it_stopped)
{
    struct flow *a = start(count);
    struct flow *b = start(count);

    for (int i = 0; i < 1000; i++) {
        proa__coro_switch(&ours, &a->coro);
        if (i % 3 == 0)
            proa__coro_switch(&ours, &b->coro);
    }
    ck_assert_int_eq(a->steps, 1000);
    ck_assert_int_eq(b->steps, 334);
    finish(a);
    finish(b);
}
END_TEST

static void pass_on(void *arg)
{
    struct flow *f = arg;

    f->steps++;
    proa__coro_switch(&f->coro, f->back); /* here: another flow, not the thread */
    f->steps++;
    proa__coro_switch_last(&f->coro, &ours);
}

START_TEST(flows_switch_among_themselves)
{
    struct flow *a = start(pass_on);
    struct flow *b = start(count);

    a->back = &b->coro;
    proa__coro_switch(&ours, &a->coro);
    ck_assert_int_eq(a->steps, 1);
    ck_assert_int_eq(b->steps, 1);
    proa__coro_switch(&ours, &a->coro);
    ck_assert_int_eq(a->steps, 2);
    finish(a);
    finish(b);
}
END_TEST

/* All callee-saved registers hold other values on the other side; so do the caller's. */
static long many_values(struct coro *from, struct coro *to, long seed)
{
    register long a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13;
    register double x = (double)seed / 3, y = (double)seed / 7;

    for (int i = 0; i < 8; i++) {
        proa__coro_switch(from, to);
        a += b ^ i, b += c ^ i, c += d ^ i, d += e ^ i, e += a ^ i;
        x += y * i, y += x / 2;
    }
    return a ^ b ^ c ^ d ^ e ^ (long)(x * 1000) ^ (long)(y * 1000);
}

static void hold_values(void *arg)
{
    struct flow *f = arg;

    for (;;)
        f->rounded = many_values(&f->coro, f->back, 99);
}

START_TEST(registers_survive_a_switch)
{
    struct flow *f = start(hold_values);
    struct flow *quiet = start(count);
    long alone = many_values(&ours, &quiet->coro, 1234567);

    ck_assert_int_eq(many_values(&ours, &f->coro, 1234567), alone);
    finish(f);
    finish(quiet);
}
END_TEST

static void round_upwards(void *arg)
{
    struct flow *f = arg;
    volatile double half = 0.5;

    fesetround(FE_UPWARD);
    for (;;) {
        f->rounded = lrint(half);
        proa__coro_switch(&f->coro, f->back);
    }
}

START_TEST(each_flow_has_its_own_rounding_mode)
{
    volatile double half = 0.5;
    struct flow *f = start(round_upwards);

    for (int i = 0; i < 3; i++) {
        proa__coro_switch(&ours, &f->coro);
        ck_assert_int_eq(f->rounded, 1);
        ck_assert_int_eq(lrint(half), 0);
        ck_assert_int_eq(fegetround(), FE_TONEAREST);
    }
    finish(f);
}
END_TEST

#ifdef __x86_64__
#define FLUSH_TO_ZERO 0x8000u
static void flush_to_zero(void *arg)
{
    struct flow *f = arg;

    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | FLUSH_TO_ZERO);
    for (;;) {
        f->rounded = __builtin_ia32_stmxcsr() & FLUSH_TO_ZERO;
        proa__coro_switch(&f->coro, f->back);
    }
}

/* fesetround changes two control words at once; this is the one alone. */
START_TEST(each_flow_has_its_own_mxcsr)
{
    struct flow *f = start(flush_to_zero);

    for (int i = 0; i < 3; i++) {
        proa__coro_switch(&ours, &f->coro);
        ck_assert_uint_eq(f->rounded, FLUSH_TO_ZERO);
        ck_assert_uint_eq(__builtin_ia32_stmxcsr() & FLUSH_TO_ZERO, 0);
    }
    finish(f);
}
END_TEST
#endif

static void look_at_frame(void *arg)
{
    struct flow *f = arg;
    _Alignas(16) char aligned[16];

    __asm__ volatile("" : : "r"(aligned) : "memory"); /* the compiler trusts the ABI: so look */
    f->aligned = (uintptr_t)__builtin_frame_address(0) % 16 == 0;
    proa__coro_switch_last(&f->coro, f->back);
}

START_TEST(the_first_frame_is_aligned)
{
    struct flow *f = start(look_at_frame);

    proa__coro_switch(&ours, &f->coro);
    ck_assert(f->aligned);
    finish(f);
}
END_TEST

void proa__coro_entry(void);

static void trace(void *arg)
{
    struct flow *f = arg;
    void *frames[64];

    f->depth = backtrace(frames, 64);
    f->last = frames[f->depth - 1];
    proa__coro_switch_last(&f->coro, f->back);
}

START_TEST(a_backtrace_ends_at_the_bottom)
{
    void *warm[4];
    struct flow *f = start(trace);

    backtrace(warm, 4); /* loads the unwinder, which takes more stack than a task has to spare */
    proa__coro_switch(&ours, &f->coro);
    ck_assert_int_ge(f->depth, 2);
    ck_assert_int_le(f->depth, 6);
#ifndef PROA_CONTEXT_UCONTEXT
    ck_assert(f->last >= (char *)proa__coro_entry && f->last < (char *)proa__coro_entry + 32);
#endif
    finish(f);
}
END_TEST

static void just_return(void *arg)
{
    (void)arg;
}

static void let_it_return(void *arg)
{
    (void)arg;
    proa__coro_switch(&ours, &start(just_return)->coro);
}

START_TEST(returning_from_a_flow_aborts)
{
    t_aborts(let_it_return, NULL, "returned instead of switching away");
}
END_TEST

static void fill_deep(void *arg)
{
    struct flow *f = arg;
    char frame[1500];

    memset(frame, 0x5a, sizeof frame);
    __asm__ volatile("" : : "r"(frame) : "memory");
    f->depth++;
    if (f->depth < 30)
        fill_deep(f);
    else
        proa__coro_switch(&f->coro, f->back);
    ck_assert_int_eq(frame[f->depth], 0x5a);
    if (--f->depth == 0)
        proa__coro_switch_last(&f->coro, f->back);
}

START_TEST(a_stack_holds_what_it_promises)
{
    struct flow *f = start(fill_deep); /* 45 KB of 64 */

    proa__coro_switch(&ours, &f->coro);
    ck_assert_int_eq(f->depth, 30);
    proa__coro_switch(&ours, &f->coro);
    ck_assert_int_eq(f->depth, 0);
    finish(f);
}
END_TEST

int main(void)
{
    return t_main("coro", (const TTest *const[]){
                              each_switch_continues_where_it_stopped,
                              flows_switch_among_themselves,
                              registers_survive_a_switch,
                              each_flow_has_its_own_rounding_mode,
#ifdef __x86_64__
                              each_flow_has_its_own_mxcsr,
#endif
                              the_first_frame_is_aligned,
                              a_backtrace_ends_at_the_bottom,
                              returning_from_a_flow_aborts,
                              a_stack_holds_what_it_promises,
                              NULL,
                          });
}
