#include "core/crash.h"

#include "base/check.h"
#include "core/alt_stack.h"
#include "core/sched.h"
#include "core/trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- a line, made without the C library's help */

#define LINE_MAX 400

struct line {
    size_t n;
    char text[LINE_MAX];
};

static void put(struct line *line, const char *text)
{
    while (*text && line->n < LINE_MAX - 1)
        line->text[line->n++] = *text++;
}

static void put_number(struct line *line, uint64_t number, unsigned base)
{
    char digits[21];
    size_t i = sizeof digits;

    digits[--i] = '\0';
    do
        digits[--i] = "0123456789abcdef"[number % base];
    while ((number /= base) && i > 0);
    if (base == 16)
        put(line, "0x");
    put(line, digits + i);
}

static void put_task(struct line *line, const struct proa_task *t)
{
    put(line, "task ");
    if (t->more && t->more->name) {
        put(line, t->more->name);
        return;
    }
    put(line, "task-");
    put_number(line, t->seq - t->sched->first_seq + 1, 10);
}

/* The object and the offset in it, for addr2line; the C library says that this is safe here. */
static void put_place(struct line *line, const void *pc)
{
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
    struct dl_find_object found;

    if (_dl_find_object((void *)(uintptr_t)pc, &found) == 0) {
        const char *path = found.dlfo_link_map->l_name;
        const char *slash = strrchr(path, '/');

        put(line, *path ? (slash ? slash + 1 : path) : program_invocation_short_name);
        put(line, "(+");
        put_number(line, (uintptr_t)pc - found.dlfo_link_map->l_addr, 16);
        put(line, ")");
        return;
    }
#endif
#endif
    put_number(line, (uintptr_t)pc, 16);
}

static void write_out(struct line *line)
{
    line->text[line->n++] = '\n';
    if (write(STDERR_FILENO, line->text, line->n) < 0) {
        /* nobody is left to be told */
    }
}

/* ---- whose stack it was */

static bool is_below(const struct stack *stack, const char *address)
{
    return address < stack->low && address >= stack->low - STACK_GUARD;
}

static bool guards(const struct proa_task *t, const char *address)
{
    return t->state != TASK_FREE && t->state != TASK_NEW && t->state != TASK_DONE &&
           is_below(&t->coro.stack, address);
}

/* The running task nearly always; another one while the scheduler goes from one to the next. */
static const struct proa_task *find_guarded(const char *address)
{
    const struct proa_task *t = proa__task_here;
    struct task_cursor at;
    struct sched *s;

    if (t && is_below(&t->coro.stack, address)) /* or it has just ended, and who is told runs */
        return t;
    s = proa__loop_here ? proa__loop_here->sched : NULL;
    if (!s)
        return NULL;
    if (s->ended && s->ended != SCHED_PROBED && is_below(&s->ended->coro.stack, address))
        return s->ended;
    proa__task_walk_begin(s, &at);
    while ((t = proa__task_walk_next(&at)))
        if (guards(t, address))
            return t;
    return NULL;
}

static void put_overflow(struct line *line, const struct proa_task *t)
{
    put_task(line, t);
    put(line, " overflowed its stack of ");
    put_number(line, proa__stack_size(&t->coro.stack) >> 10, 10);
    put(line, " KiB; give it more with .stack_size");
}

void proa__stack_overflowed(const struct stack *stack)
{
    const struct proa_task *t = find_guarded(stack->low - 1);
    struct line line = {.n = 0};

    PROA_CHECK(t, "a task overflowed its stack; give it a larger one (.stack_size)");
    put_overflow(&line, t);
    line.text[line.n] = '\0';
    proa__task_here = (struct proa_task *)(uintptr_t)t; /* the next one runs already, they say */
    proa__check_failed(CHECK_FILE, __LINE__, "%s", line.text);
}

/* A thread's own stack has a guard as well. Near its pointer nothing else faults but a jump. */
static bool is_at_the_end(const siginfo_t *info, const void *context)
{
    const char *sp = proa__trace_sp(context);
    const char *address = info->si_addr;

    return sp && info->si_code > 0 && info->si_code != SI_KERNEL && address >= sp - STACK_GUARD &&
           address < sp + STACK_GUARD && address != (const char *)proa__trace_pc(context);
}

/* ---- the handler */

static void put_fault(struct line *line, int signo, const siginfo_t *info, const void *context)
{
    const struct proa_task *t = proa__task_here;
    const void *pc = proa__trace_pc(context);

    put(line, signo == SIGSEGV ? "SIGSEGV" : "SIGBUS");
    if (info->si_code == SI_KERNEL) { /* x86: not canonical, or not aligned; si_addr is 0 */
        put(line, " at an address that the kernel does not tell");
    } else if (info->si_code > 0) {
        put(line, " at address ");
        put_number(line, (uintptr_t)info->si_addr, 16);
    } else {
        put(line, " sent by process ");
        put_number(line, (uint64_t)info->si_pid, 10);
    }
    if (t) {
        put(line, " while ");
        put_task(line, t);
        put(line, " ran");
    } else {
        put(line,
            proa__loop_here ? " in the loop or a callback of it" : " in a thread without a loop");
    }
    if (pc) {
        put(line, ", in ");
        put_place(line, pc);
    }
    if (is_at_the_end(info, context))
        put(line, "; its thread's stack is used up");
}

/* In debug mode what unwinding needs is loaded already. */
static void write_trace(const void *context)
{
    struct trace trace;

    proa__trace_interrupted(&trace, context);
    for (size_t i = 0; i < trace.n; i++) {
        struct line line = {.n = 0};

        put(&line, "proa:     ");
        put_place(&line, trace.at[i]);
        write_out(&line);
    }
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    const struct proa_task *t = info->si_code > 0 ? find_guarded(info->si_addr) : NULL;
    struct line line = {.n = 0};
    int error = errno;

    put(&line, "proa: ");
    if (t)
        put_overflow(&line, t);
    else
        put_fault(&line, signo, info, context);
    write_out(&line);
    signal(signo, SIG_DFL); /* back there, it happens again */
    if (!t && proa__loop_here && proa__loop_here->debug)
        write_trace(context);
    if (info->si_code <= 0 || info->si_code == SI_KERNEL) /* it may not: no room for a handler */
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo);
    errno = error;
}

/* ---- coming and going */

static const int signals[] = {SIGSEGV, SIGBUS};
#define N_SIGNALS (sizeof signals / sizeof signals[0])

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over the next three */
static unsigned n_loops;
static struct sigaction before[N_SIGNALS];
static bool ours[N_SIGNALS];

static _Thread_local bool has_stack;

static bool is_default(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < N_SIGNALS; i++)
        ours[i] = sigaction(signals[i], NULL, &before[i]) == 0 && is_default(&before[i]) &&
                  sigaction(signals[i], &action, NULL) == 0;
}

static void uninstall(void)
{
    struct sigaction now;

    for (size_t i = 0; i < N_SIGNALS; i++)
        if (ours[i] && sigaction(signals[i], NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
            now.sa_sigaction == on_fault)
            sigaction(signals[i], &before[i], NULL);
}

void proa__crash_enter(void)
{
    has_stack = proa__alt_stack_take() == 0;
    pthread_mutex_lock(&lock);
    if (n_loops++ == 0)
        install();
    pthread_mutex_unlock(&lock);
}

void proa__crash_leave(void)
{
    pthread_mutex_lock(&lock);
    if (--n_loops == 0)
        uninstall();
    pthread_mutex_unlock(&lock);
    if (has_stack)
        proa__alt_stack_give();
    has_stack = false;
}
