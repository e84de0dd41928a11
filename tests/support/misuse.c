#include "support/test.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void misuse(void (*body)(void *arg), void *arg, int err_fd)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    dup2(err_fd, STDERR_FILENO);
    body(arg);
    _exit(0);
}

void t_aborts(void (*body)(void *arg), void *arg, const char *words)
{
    char text[1024];
    size_t n = 0;
    ssize_t got;
    int fds[2];
    int status;

    ck_assert_int_eq(pipe(fds), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        misuse(body, arg, fds[1]);
    close(fds[1]);
    while (n < sizeof text - 1 && (got = read(fds[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(fds[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
                  "did not abort (status %#x); it wrote: %s", (unsigned)status, text);
    ck_assert_msg(strstr(text, words), "aborted without the words \"%s\"; it wrote: %s", words,
                  text);
}
