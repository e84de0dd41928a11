/*
 * switches: coro.c with one kind of switch, built apart from the rest by tests/core/test-switches
 * and run, under an emulator if need be. Says "ok", or what is wrong, and needs neither Check nor
 * libevent.
 */

#include "core/coro.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct flow {
    struct coro coro;
    long steps;
    double sum;
    long rounded;
};

static struct coro ours;
static struct stack_pool pool;

/* For stack_guard.c: crash.c's, which knows tasks. */
void proa__stack_overflowed(const struct stack *stack)
{
    (void)stack;
    printf("wrong: a stack overflowed\n");
    exit(1);
}

static void expect(int holds, const char *what)
{
    if (holds)
        return;
    printf("wrong: %s\n", what);
    exit(1);
}

/* Values in as many callee-saved registers as there are, on both sides of each switch. */
static double churn(struct coro *from, struct coro *to, long seed, int n)
{
    long a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11, f = seed * 13;
    double p = (double)seed, q = p / 3, r = p / 5, s = p / 7, t = p / 11, u = p / 13;

    for (int i = 0; i < n; i++) {
        proa__coro_switch(from, to);
        a += b ^ i, b += c ^ i, c += d ^ i, d += e ^ i, e += f ^ i, f += a ^ i;
        p += q / 2, q += r / 2, r += s / 2, s += t / 2, t += u / 2, u += p / 1024;
    }
    return (double)(a ^ b ^ c ^ d ^ e ^ f) + p + q + r + s + t + u;
}

static void run_churn(void *arg)
{
    struct flow *f = arg;

    expect((uintptr_t)__builtin_frame_address(0) % 16 == 0, "alignment of the first frame");
    fesetround(FE_UPWARD);
    f->sum = churn(&f->coro, &ours, 99, 1000);
    f->rounded = lrint(0.5 * (double)(f->steps + 1));
    proa__coro_switch_last(&f->coro, &ours);
}

static void run_quiet(void *arg)
{
    struct flow *f = arg;

    for (;;) {
        f->steps++;
        proa__coro_switch(&f->coro, &ours);
    }
}

static struct flow *start(coro_fn *fn)
{
    struct stack stack;
    struct flow *f = proa__stack_take(&pool, 0, sizeof *f, &stack);

    expect(f != NULL, "a stack");
    memset(f, 0, sizeof *f);
    f->coro.stack = stack;
    proa__coro_init(&f->coro, fn, f);
    return f;
}

int main(void)
{
    double alone;
    struct flow *quiet;
    struct flow *busy;
    struct stack stack;

    proa__stack_pool_init(&pool);
    quiet = start(run_quiet);
    busy = start(run_churn);
    alone = churn(&ours, &quiet->coro, 1234567, 1000);
    expect(quiet->steps == 1000, "the number of switches");
    expect(churn(&ours, &busy->coro, 1234567, 1000) == alone, "registers across a switch");
    expect(fegetround() == FE_TONEAREST, "our rounding mode");
    proa__coro_switch(&ours, &busy->coro);
    expect(busy->rounded == 1, "the flow's rounding mode");
    expect(busy->sum != 0, "the flow's end");
    stack = busy->coro.stack;
    proa__coro_fini(&busy->coro);
    proa__stack_give(&pool, &stack);
    puts("ok");
    return 0;
}
