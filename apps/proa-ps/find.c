#include "ps.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACES_MOST 1024

/* ---- names */

/* "123" or "123-1". */
static bool parse(const char *name, struct place *place)
{
    char extra;

    place->loop = 0;
    if (name[0] < '1' || name[0] > '9' || strlen(name) >= sizeof place->name)
        return false;
    memcpy(place->name, name, strlen(name) + 1);
    return sscanf(name, "%9d%c", &place->pid, &extra) == 1 ||
           sscanf(name, "%9d-%2d%c", &place->pid, &place->loop, &extra) == 2;
}

static int by_number(const void *a, const void *b)
{
    const struct place *p = a, *q = b;

    if (p->pid != q->pid)
        return p->pid < q->pid ? -1 : 1;
    return p->loop - q->loop;
}

/* ---- directories */

struct found {
    struct place *places;
    size_t n;
};

/* One that others could write to may hold anything. */
static bool is_private(const char *dir, uid_t uid)
{
    struct stat st;

    return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid && !(st.st_mode & 077);
}

static void look_into(struct found *f, const char *dir, uid_t uid, int pid)
{
    DIR *d = is_private(dir, uid) ? opendir(dir) : NULL;
    struct dirent *entry;

    while (d && f->n < PLACES_MOST && (entry = readdir(d))) {
        struct place *place = &f->places[f->n];

        if (!parse(entry->d_name, place) || (pid && place->pid != pid))
            continue;
        snprintf(place->dir, sizeof place->dir, "%s", dir);
        place->uid = uid;
        f->n++;
    }
    if (d)
        closedir(d);
}

int find_places(uid_t uid, int pid, void (*fn)(void *arg, const struct place *place), void *arg)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct found f = {.places = calloc(PLACES_MOST, sizeof(struct place))};
    char dirs[3][256];

    if (!f.places)
        return 0;
    snprintf(dirs[0], sizeof dirs[0], "/tmp/proa-%u", (unsigned)uid);
    snprintf(dirs[1], sizeof dirs[1], "/run/user/%u/proa", (unsigned)uid);
    snprintf(dirs[2], sizeof dirs[2], "%s/proa", runtime ? runtime : "");
    for (int i = 0; i < 3; i++)
        if (i < 2 || (runtime && strcmp(dirs[1], dirs[2]) != 0))
            look_into(&f, dirs[i], uid, pid);
    qsort(f.places, f.n, sizeof f.places[0], by_number);
    for (size_t i = 0; i < f.n; i++)
        fn(arg, &f.places[i]);
    free(f.places);
    return (int)f.n;
}

/* ---- nothing there */

void explain_silence(int pid)
{
    char path[32];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", pid);
    if (kill(pid, 0) < 0 && errno == ESRCH)
        fprintf(stderr, "proa-ps: there is no process %d\n", pid);
    else if (geteuid() != 0 && stat(path, &st) == 0 && st.st_uid != geteuid())
        fprintf(stderr,
                "proa-ps: process %d is another user's (%u); ask as that user, or as root\n", pid,
                (unsigned)st.st_uid);
    else
        fprintf(stderr,
                "proa-ps: process %d does not answer: start it with PROA_INSPECT=1 in its "
                "environment, or with .inspect of proa_run\n",
                pid);
}
