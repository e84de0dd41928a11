#ifndef NET_QUIET_H
#define NET_QUIET_H

/*
 * quiet: a system call without SIGPIPE, whatever the program does with that signal. For writes that
 * have no flag for it: to pipes, and sendfile.
 *
 * Floor: net.
 */

#include <signal.h>
#include <stdbool.h>

struct quiet {
    sigset_t before;
    bool pending; /* one was there already, and is not ours */
};

void proa__quiet_begin(struct quiet *q);

/* `broken`: the call failed with EPIPE. */
void proa__quiet_end(struct quiet *q, bool broken);

#endif
