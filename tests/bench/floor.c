/*
 * floor: the least a server on epoll can do, to measure others against.
 *
 *     floor RESPONSE-FILE      listens on a free port of 127.0.0.1 and prints it
 *
 * Level-triggered epoll; for each connection that is ready one read and one write of fixed bytes.
 * It parses nothing: whatever one read brings is taken for one request.
 */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char response[65536];
static size_t response_n;

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int listen_free(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, n) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &n) < 0)
        return -1;
    printf("listening on http://127.0.0.1:%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

static void take_connection(int ep, int listener)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
}

static void answer(int fd)
{
    static char request[16384];

    if (read(fd, request, sizeof request) <= 0 ||
        write(fd, response, response_n) != (ssize_t)response_n)
        close(fd);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;

    if (!file)
        return fail("floor RESPONSE-FILE");
    response_n = fread(response, 1, sizeof response, file);
    fclose(file);

    int listener = listen_free();
    int ep = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || ep < 0)
        return fail("listen");
    epoll_ctl(ep, EPOLL_CTL_ADD, listener,
              &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(ep, events, 64, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.fd == listener)
                take_connection(ep, listener);
            else
                answer(events[i].data.fd);
    }
}
