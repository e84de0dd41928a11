#ifndef TLS_LIBRARY_H
#define TLS_LIBRARY_H

/*
 * library: how OpenSSL is started, where it runs, and what it says when it fails.
 *
 * Its functions are deep: a handshake uses some 13 KB of stack, reading 6 KB, more than the stack
 * of a task should be asked for. So all of it runs on the thread's own stack, by proa__tls_deep.
 * Its errors wait in a queue of the thread, oldest first; the queue is emptied before each call and
 * read right after it, with no switch between. Floor: tls.
 */

#include <stddef.h>

/* Start OpenSSL with the program's allocator, if it has not allocated yet. 0 or PROA_ENOMEM. */
int proa__tls_library_init(void);

/* fn(arg) on the thread's own stack, which is this one when no task runs. */
void proa__tls_deep(void (*fn)(void *arg), void *arg);

/* What a failed call left in the queue, which is then empty. */
struct tls_reason {
    int ssl;        /* the newest SSL_R_... ; 0: none */
    int no_memory;  /* an allocation failed */
    char text[120]; /* the oldest one's words; never empty */
};
void proa__tls_reason(struct tls_reason *ret);

/* For calls that make or load something: PROA_ENOMEM, or `rc` with "what: words of OpenSSL". */
int proa__tls_library_fail(int rc, const char *what);

#endif
