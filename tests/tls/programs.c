#include "tls/programs.h"

#include "support/test.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

pid_t t_program(const char *const *words, const char *in, const char *out)
{
    posix_spawn_file_actions_t files;
    pid_t pid;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, in, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    ck_assert_int_eq(
        posix_spawnp(&pid, words[0], &files, NULL, (char *const *)(uintptr_t)words, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

int t_program_end(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

bool t_program_is_there(const char *name, const char *asking)
{
    char line[200];

    snprintf(line, sizeof line, "%s %s >/dev/null 2>&1", name, asking);
    return system(line) == 0;
}

bool t_file_says(const char *path, const char *words)
{
    static char text[20000];
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f)
        return false;
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return strstr(text, words) != NULL;
}

int t_program_port(const char *out)
{
    char line[200];
    int port = 0;

    for (int i = 0; i < 500 && !port; i++) {
        FILE *f = fopen(out, "r");

        while (f && fgets(line, sizeof line, f))
            if (strncmp(line, "ACCEPT ", 7) == 0 && strchr(line, '\n'))
                port = atoi(strrchr(line, ':') + 1);
        if (f)
            fclose(f);
        if (!port)
            usleep(10000);
    }
    ck_assert_int_gt(port, 0);
    return port;
}
