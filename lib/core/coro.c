#include "core/coro.h"

#include "base/check.h"

#include <stdint.h>
#include <string.h>

#ifdef PROA_SANITIZED_ADDRESS
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef PROA_SANITIZED_THREAD
#include <sanitizer/tsan_interface.h>
#endif

_Noreturn void proa__coro_main(struct coro *co, coro_fn *fn, void *arg);
static void arrive(struct coro *co);

/* The first function on a new stack. */
_Noreturn void proa__coro_main(struct coro *co, coro_fn *fn, void *arg)
{
    arrive(co);
    fn(arg);
    PROA_CHECK(false, "a coroutine returned instead of switching away");
    __builtin_unreachable();
}

#if defined(PROA_CONTEXT_UCONTEXT)

#include <ucontext.h>

/* makecontext passes ints only: two halves of a pointer, the upper one first. */
#define HALVES(pointer)                                                                            \
    (unsigned)((uint64_t)(uintptr_t)(pointer) >> 32), (unsigned)(uintptr_t)(pointer)

static uintptr_t whole(unsigned high, unsigned low)
{
    return (uintptr_t)((uint64_t)high << 32 | low);
}

static void enter(unsigned co_high, unsigned co_low, unsigned fn_high, unsigned fn_low,
                  unsigned arg_high, unsigned arg_low)
{
    proa__coro_main((struct coro *)whole(co_high, co_low), (coro_fn *)whole(fn_high, fn_low),
                    (void *)whole(arg_high, arg_low));
}

/* The context lies at the top of the stack until the first switch, then in the frame of the latest.
 */
static void make_frame(struct coro *co, coro_fn *fn, void *arg)
{
    ucontext_t *context = (ucontext_t *)(((uintptr_t)co->stack.high - sizeof *context) &
                                         ~(uintptr_t)63);

    getcontext(context);
    context->uc_stack.ss_sp = co->stack.low;
    context->uc_stack.ss_size = (size_t)((char *)context - co->stack.low);
    context->uc_link = NULL;
    makecontext(context, (void (*)(void))enter, 6, HALVES(co), HALVES(fn), HALVES(arg));
    co->sp = context;
}

void proa__coro_swap(struct coro *from, struct coro *to)
{
    ucontext_t here;

    from->sp = &here;
    swapcontext(&here, to->sp);
}

#else

void proa__coro_entry(void);

/* What proa__coro_swap takes from the stack of a coro that has not run yet; see switch.S. */
#if defined(__x86_64__)

static void make_frame(struct coro *co, coro_fn *fn, void *arg)
{
    uint64_t *frame = (uint64_t *)((uintptr_t)co->stack.high & ~(uintptr_t)15) - 8;
    uint32_t mxcsr;
    uint16_t x87;

    __asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    frame[0] = (uint64_t)x87 << 32 | mxcsr;
    frame[1] = frame[2] = 0;
    frame[3] = (uintptr_t)arg; /* r13 */
    frame[4] = (uintptr_t)fn;  /* r12 */
    frame[5] = (uintptr_t)co;  /* rbx */
    frame[6] = 0;
    frame[7] = (uintptr_t)proa__coro_entry;
    co->sp = frame;
}

#elif defined(__aarch64__)

static void make_frame(struct coro *co, coro_fn *fn, void *arg)
{
    uint64_t *frame = (uint64_t *)((uintptr_t)co->stack.high & ~(uintptr_t)15) - 22;
    uint64_t fpcr;

    __asm__("mrs %0, fpcr" : "=r"(fpcr));
    memset(frame, 0, 22 * sizeof *frame);
    frame[1] = (uintptr_t)proa__coro_entry; /* x30 */
    frame[2] = (uintptr_t)co;               /* x19 */
    frame[3] = (uintptr_t)fn;               /* x20 */
    frame[4] = (uintptr_t)arg;              /* x21 */
    frame[20] = fpcr;
    co->sp = frame;
}

#endif
#endif

void proa__coro_init(struct coro *co, coro_fn *fn, void *arg)
{
    make_frame(co, fn, arg);
#ifdef PROA_SANITIZED_ADDRESS
    co->fake_stack = NULL;
    co->own_low = NULL;
    co->own_size = 0;
#endif
#ifdef PROA_SANITIZED_THREAD
    co->fiber = __tsan_create_fiber(0);
#endif
}

void proa__coro_fini(struct coro *co)
{
#ifdef PROA_SANITIZED_THREAD
    __tsan_destroy_fiber(co->fiber);
    co->fiber = NULL;
#endif
    (void)co;
}

/*
 * What the sanitizers are told. AddressSanitizer wants to know the stack that is entered, and tells
 * on arrival which one was left: that is how a thread's own is learnt.
 */
#ifdef PROA_SANITIZED

static _Thread_local struct coro *left; /* who made the switch that is under way */

static void arrive(struct coro *co)
{
#ifdef PROA_SANITIZED_ADDRESS
    const void *low;
    size_t size;

    __sanitizer_finish_switch_fiber(co->fake_stack, &low, &size);
    if (left && !left->stack.low) {
        left->own_low = low;
        left->own_size = size;
    }
#else
    (void)co;
#endif
    left = NULL;
}

void proa__coro_swap_told(struct coro *from, struct coro *to, bool last)
{
    left = last ? NULL : from;
#ifdef PROA_SANITIZED_ADDRESS
    if (to->stack.low)
        __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->stack.low,
                                       (size_t)(to->stack.high - to->stack.low));
    else
        __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->own_low, to->own_size);
#endif
#ifdef PROA_SANITIZED_THREAD
    if (!from->stack.low && !from->fiber)
        from->fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    proa__coro_swap(from, to);
    arrive(from);
}

#else

static void arrive(struct coro *co)
{
    (void)co;
}

#endif
