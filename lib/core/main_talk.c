#include "core/main.h"

#include <proa/err.h>

#include <errno.h>
#include <string.h>

/* Room for one descriptor beside a message. */
union control {
    struct cmsghdr head; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

int proa__main_answer(int socket, int rc, int fd)
{
    union control control = {0};
    struct iovec iov = {.iov_base = &rc, .iov_len = sizeof rc};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int receive_answer(int socket)
{
    union control control;
    int rc = PROA_ECLOSED;
    int fd;
    struct iovec iov = {.iov_base = &rc, .iov_len = sizeof rc};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t n;

    do
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n < (ssize_t)sizeof rc)
        return PROA_ECLOSED; /* the parent is gone */
    if (rc < 0)
        return rc;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return PROA_EMFILE; /* there was no room for it here */
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static int send_message(int socket, const struct main_message *m)
{
    ssize_t n;

    do
        n = send(socket, m, sizeof *m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EPIPE ? PROA_ECLOSED : -errno;
    return 0;
}

int proa__main_ask(int socket, const struct main_message *m)
{
    int rc = send_message(socket, m);

    return rc < 0 ? rc : receive_answer(socket);
}

void proa__main_tell(int socket, const struct main_message *m)
{
    send_message(socket, m);
}
