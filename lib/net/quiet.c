#include "net/quiet.h"

#include <time.h>

void proa__quiet_begin(struct quiet *q)
{
    sigset_t set;

    sigemptyset(&set);
    sigpending(&set);
    q->pending = sigismember(&set, SIGPIPE);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &q->before);
}

void proa__quiet_end(struct quiet *q, bool broken)
{
    const struct timespec now = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    if (broken && !q->pending)
        sigtimedwait(&set, NULL, &now); /* ours: take it away again */
    pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}
