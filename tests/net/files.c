#include "net/files.h"

#include "net/pair.h"

#include <proa/err.h>
#include <proa/listener.h>
#include <proa/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static char directory[200];
static char path[250];

uint8_t t_byte(int64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void fill(int fd, int64_t n)
{
    static uint8_t bytes[65536];

    for (int64_t at = 0; at < n;) {
        size_t part = n - at < (int64_t)sizeof bytes ? (size_t)(n - at) : sizeof bytes;

        for (size_t i = 0; i < part; i++)
            bytes[i] = t_byte(at + (int64_t)i);
        ck_assert_int_eq(pwrite(fd, bytes, part, at), part);
        at += (int64_t)part;
    }
}

static const char *place(void)
{
    const char *dir = getenv("TMPDIR");

    return dir && *dir ? dir : "/tmp";
}

int t_file_fd(int64_t n)
{
    char name[200];
    int fd;

    snprintf(name, sizeof name, "%s/proa-file-XXXXXX", place());
    fd = mkostemp(name, O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(unlink(name), 0);
    fill(fd, n);
    return fd;
}

const char *t_file_path(int64_t n)
{
    int fd;

    snprintf(directory, sizeof directory, "%s/proa-dir-XXXXXX", place());
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    fill(fd, n);
    close(fd);
    return path;
}

void t_file_remove(void)
{
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}

bool t_file_tells(int fd)
{
    char byte;
    struct iovec iov = {&byte, 1};

    return preadv2(fd, &iov, 1, 0, RWF_NOWAIT) == 1;
}

static void over_tcp(struct proa_stream **ret_near, struct proa_stream **ret_far)
{
    struct proa_listener *l;

    ck_ok(proa_listen_tcp(&l, "127.0.0.1", 0, NULL));
    ck_ok(proa_tcp_connect(ret_near, "127.0.0.1", proa_listener_port(l), NULL));
    ck_ok(proa_accept(l, ret_far));
    proa_listener_free(l);
}

void t_way(int way, struct proa_stream **ret_near, struct proa_stream **ret_far)
{
    int fds[2];

    if (way == WAY_PAIR) {
        ck_ok(proa__pair_new(ret_near, ret_far, NULL));
        return;
    }
    if (way == WAY_TCP) {
        over_tcp(ret_near, ret_far);
        return;
    }
    if (way == WAY_UNIX)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    else
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_ok(proa_stream_from_fd(ret_far, fds[0]));
    ck_ok(proa_stream_from_fd(ret_near, fds[1]));
}

int t_reader(void *reader)
{
    struct t_reader *r = reader;
    static uint8_t buf[65536];
    ssize_t got = 1;

    while (got > 0 && (!r->stop || r->n < r->stop)) {
        size_t room = sizeof buf;

        if (r->stop && r->stop - r->n < (int64_t)room)
            room = (size_t)(r->stop - r->n);
        got = proa_read(r->s, buf, room);
        for (ssize_t i = 0; i < got; i++)
            r->wrong += buf[i] != t_byte(r->at + i);
        if (got > 0) {
            r->at += got;
            r->n += got;
        }
    }
    r->rc = got < 0 ? (int)got : 0;
    return 0;
}
