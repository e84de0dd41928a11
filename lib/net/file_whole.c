#include "base/fail.h"
#include "base/mem.h"
#include "base/opts.h"
#include "core/wait.h"

#include <proa/file.h>
#include <proa/thread.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- loading ---- */

/* Read on where the file says it has nothing more: at most this much at a time. */
#define BEYOND ((size_t)4096)

/* Bytes to make room for; 0: the end. */
static ssize_t next_step(struct proa_file *f, struct proa_buf *into, int64_t size, int64_t *at)
{
    char byte;
    ssize_t got;
    int rc;

    if (*at < size)
        return (ssize_t)(size - *at);
    got = proa_file_pread(f, &byte, 1, *at);
    if (got <= 0)
        return got;
    rc = proa_buf_append(into, &byte, 1);
    if (rc < 0)
        return rc;
    ++*at;
    return BEYOND;
}

static ssize_t load_step(struct proa_file *f, struct proa_buf *into, int64_t size, int64_t *at)
{
    ssize_t step = next_step(f, into, size, at);
    char *to;
    ssize_t got;

    if (step <= 0)
        return step;
    if (*at >= size && (size_t)step > into->limit - into->n)
        step = (ssize_t)(into->limit - into->n);
    if (step == 0)
        return 1; /* full: the next step tells whether there is more */
    to = proa_buf_reserve(into, (size_t)step);
    if (!to)
        return proa_buf_error(into);
    got = proa_file_pread(f, to, (size_t)step, *at);
    if (got <= 0)
        return got;
    proa_buf_commit(into, (size_t)got);
    *at += got;
    return got;
}

int proa_file_load(struct proa_buf *into, const char *path)
{
    PROA_AUTO(proa_file) *f = NULL;
    struct proa_file_info info;
    size_t before = into->n;
    int64_t at = 0;
    ssize_t got;
    int rc = proa_buf_error(into);

    if (rc == 0)
        rc = proa_file_open(&f, path, NULL);
    if (rc == 0)
        rc = proa_file_info(f, &info);
    if (rc < 0)
        return rc;
    do
        got = load_step(f, into, info.size, &at);
    while (got > 0);
    if (got < 0)
        proa_buf_truncate(into, before);
    if (got == PROA_EMSGSIZE)
        return proa__fail(PROA_EMSGSIZE, "%s has more than %zu bytes", path, into->limit - before);
    return (int)got;
}

/* ---- saving ---- */

#define BESIDE_TRIES 100
#define BESIDE_ROOM 32  /* of what is added to the name */
#define BESIDE_NAME 100 /* of a longer name the beginning: what is added must fit too */

struct save {
    const char *path;
    char *beside;  /* DIRECTORY/.NAME.RANDOM~ */
    size_t dir_n;  /* bytes of DIRECTORY/ */
    size_t stem_n; /* bytes before RANDOM */
    const char *bytes;
    size_t n;
    unsigned mode;
    bool exact; /* the old file had this mode: whatever the umask says */
    bool no_sync;
};

static int system_failed(const char *doing, const char *path, int error)
{
    return proa__fail(-error, "%s %s: %s", doing, path, proa_err_text(-error));
}

/* Never readable for more than it will be: who has opened it reads what is written later. */
static void choose_mode(struct save *s)
{
    struct stat old;

    if (s->mode)
        return;
    s->exact = lstat(s->path, &old) == 0 && S_ISREG(old.st_mode);
    s->mode = s->exact ? old.st_mode & 0777 : 0666;
}

/* A new file under a name that nobody has. */
static int open_beside(const struct save *s)
{
    for (int i = 0; i < BESIDE_TRIES; i++) {
        unsigned long long number = 0;
        int fd;

        if (getrandom(&number, sizeof number, 0) < 0 && errno != EINTR)
            return system_failed("naming", s->path, errno);
        snprintf(s->beside + s->stem_n, BESIDE_ROOM - 2, "%016llx~", number);
        fd = open(s->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, s->mode);
        if (fd >= 0 || errno != EEXIST)
            return fd >= 0 ? fd : system_failed("making", s->beside, errno);
    }
    return system_failed("making", s->beside, EEXIST);
}

static int fill_beside(const struct save *s, int fd)
{
    size_t done = 0;

    if (s->exact && fchmod(fd, s->mode) < 0)
        return -errno;
    while (done < s->n) {
        ssize_t took = write(fd, s->bytes + done, s->n - done);

        if (took < 0 && errno != EINTR)
            return -errno;
        if (took > 0)
            done += (size_t)took;
    }
    return !s->no_sync && fsync(fd) < 0 ? -errno : 0;
}

/* The name is on the disk when its directory is. */
static int sync_directory(const struct save *s)
{
    int fd, rc;

    s->beside[s->dir_n] = 0; /* "" is here */
    fd = open(s->dir_n ? s->beside : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno; /* it may be written and not read: nobody can */
    rc = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
    close(fd);
    return rc;
}

/* In a thread. */
static int save_it(void *arg)
{
    struct save *s = arg;
    int fd, rc;

    choose_mode(s);
    fd = open_beside(s);
    if (fd < 0)
        return fd;
    rc = fill_beside(s, fd);
    if (close(fd) < 0 && rc == 0 && errno != EINTR)
        rc = -errno;
    if (rc == 0 && rename(s->beside, s->path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(s->beside);
    else if (!s->no_sync)
        rc = sync_directory(s);
    return rc < 0 ? system_failed("saving", s->path, -rc) : 0;
}

int proa_file_save(const char *path, const void *bytes, size_t n,
                   const struct proa_file_save_opts *opts)
{
    struct proa_file_save_opts o;
    const char *slash = strrchr(path, '/');
    struct save s = {.path = path, .bytes = bytes, .n = n};
    size_t room = strlen(path) + BESIDE_ROOM;
    int rc = proa__wait_enter(__func__);

    if (rc == 0)
        rc = proa__opts_copy(&o, sizeof o, opts);
    if (rc < 0)
        return rc;
    s.beside = proa__alloc(room);
    if (!s.beside)
        return proa__fail(PROA_ENOMEM, "saving %s: no memory for a name", path);
    s.dir_n = slash ? (size_t)(slash - path) + 1 : 0;
    s.stem_n = (size_t)snprintf(s.beside, room, "%.*s.%.*s.", (int)s.dir_n, path, BESIDE_NAME,
                                path + s.dir_n);
    s.mode = o.mode;
    s.no_sync = o.no_sync;
    rc = proa_to_thread(save_it, &s, NULL);
    proa__free(s.beside);
    return rc;
}
