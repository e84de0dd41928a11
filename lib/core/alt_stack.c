#include "core/alt_stack.h"

#include <proa/err.h>

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALT_STACK_LEAST ((size_t)64 << 10) /* unwinding takes 10 KiB beside the saved registers */

static _Thread_local unsigned n_users;
static _Thread_local void *ours; /* NULL: the thread had one */
static _Thread_local size_t size;

static int install(void)
{
    stack_t before;
    long least = sysconf(_SC_SIGSTKSZ);

    if (sigaltstack(NULL, &before) < 0 || !(before.ss_flags & SS_DISABLE))
        return 0;
    size = least > (long)ALT_STACK_LEAST ? (size_t)least : ALT_STACK_LEAST;
    ours = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ours == MAP_FAILED) {
        ours = NULL;
        return PROA_ENOMEM;
    }
    sigaltstack(&(stack_t){.ss_sp = ours, .ss_size = size}, NULL);
    return 0;
}

int proa__alt_stack_take(void)
{
    int rc = n_users == 0 ? install() : 0;

    if (rc == 0)
        n_users++;
    return rc;
}

void proa__alt_stack_give(void)
{
    stack_t now;

    if (--n_users > 0 || !ours)
        return;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == ours)
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(ours, size);
    ours = NULL;
}
