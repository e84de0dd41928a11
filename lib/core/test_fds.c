#include "core/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * The descriptors of this process, by /proc.
 */

typedef void each_fd_fn(struct test_run *run, unsigned fd);

static void each_fd(struct test_run *run, each_fd_fn *fn)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        unsigned long fd = strtoul(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && fd < TEST_FDS && (int)fd != dirfd(dir))
            fn(run, (unsigned)fd);
    }
    closedir(dir);
}

static void remember(struct test_run *run, unsigned fd)
{
    run->fds[fd / 64] |= UINT64_C(1) << fd % 64;
}

void proa__test_fds_remember(struct test_run *run)
{
    for (size_t i = 0; i < TEST_FDS / 64; i++)
        run->fds[i] = 0;
    each_fd(run, remember);
}

static void compare(struct test_run *run, unsigned fd)
{
    char path[64];
    char what[80];
    ssize_t n;

    if (run->fds[fd / 64] >> fd % 64 & 1)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%u", fd);
    n = readlink(path, what, sizeof what);
    proa__test_problem(run, "leaves descriptor %u open: %.*s", fd, n > 0 ? (int)n : 1,
                       n > 0 ? what : "?");
}

void proa__test_fds_compare(struct test_run *run)
{
    each_fd(run, compare);
}
