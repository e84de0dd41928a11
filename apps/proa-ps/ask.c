#include "ps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MOST ((size_t)64 << 20)
#define PATIENCE_MS 10000 /* others may be asking too; looking up names takes time */

struct answer {
    char *p;
    size_t n;
    size_t size;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fail(char *why, size_t n, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, n, fmt, args);
    va_end(args);
    return -1;
}

/* Root may ask, and must not be led to a service of somebody else's. */
static bool is_of(int fd, uid_t uid)
{
    struct ucred peer;
    socklen_t n = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == uid;
}

/* A process that stands still takes no connections after the first few. */
static int open_socket(void)
{
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

static int connect_to(int dir, const struct place *place, char *why, size_t n)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = open_socket();

    snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d/%s", dir, place->name);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0) {
        if (is_of(fd, place->uid))
            return fd;
        fail(why, n, "its socket is another user's");
    } else if (errno == ECONNREFUSED) {
        fail(why, n, "it has ended");
        unlinkat(dir, place->name, 0); /* what a process that crashed has left */
    } else {
        fail(why, n, "%s", strerrordesc_np(errno));
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* By way of the directory's descriptor: its owner cannot put another in its place meanwhile. */
static int open_place(const struct place *place, char *why, size_t n)
{
    int dir = open(place->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd;

    if (dir < 0)
        return fail(why, n, "%s", strerrordesc_np(errno));
    fd = connect_to(dir, place, why, n);
    close(dir);
    return fd;
}

static bool grow(struct answer *a)
{
    size_t size = a->size ? 2 * a->size : 65536;
    char *p = size <= ANSWER_MOST ? realloc(a->p, size) : NULL;

    if (!p)
        return false;
    a->p = p;
    a->size = size;
    return true;
}

static int read_answer(int fd, struct answer *a, char *why, size_t n)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        ssize_t got;

        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return fail(why, n, "no answer within %d s", PATIENCE_MS / 1000);
        if (a->n == a->size && !grow(a))
            return fail(why, n, "its answer is too long");
        got = recv(fd, a->p + a->n, a->size - a->n, MSG_DONTWAIT);
        if (got == 0)
            return 0;
        if (got < 0 && errno == ECONNRESET && a->n)
            return 0; /* a refusal, before it read the question */
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return fail(why, n, "%s", strerrordesc_np(errno));
        a->n += got > 0 ? (size_t)got : 0;
    }
}

/* Who answers may be anybody that root asks, and it goes to a terminal: no control bytes, nor the
 * control characters of Latin-1 (U+0080 to U+009F). */
static void scrub_string(json_t *json)
{
    char *text = strdup(json_string_value(json));

    for (char *p = text; p && *p; p++) {
        unsigned char *c = (unsigned char *)p;

        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (*c == 0xc2 && c[1] < 0xa0)
            c[0] = c[1] = '?';
    }
    json_string_set(json, text ? text : "?");
    free(text);
}

static void scrub(json_t *json)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_string(json))
        scrub_string(json);
    json_object_foreach(json, key, item) scrub(item);
    json_array_foreach(json, i, item) scrub(item);
}

static json_t *parse(const struct answer *a, char *why, size_t n)
{
    json_t *json = json_loadb(a->p, a->n, 0, NULL);
    const char *error;

    scrub(json);
    error = json_string_value(json_object_get(json, "error"));
    if (json_integer_value(json_object_get(json, "proa")) != 1)
        fail(why, n, a->n ? "its answer is not understood" : "it gave no answer");
    else if (error)
        fail(why, n, "it refuses: %s", error);
    else
        return json;
    json_decref(json);
    return NULL;
}

json_t *ask_place(const struct place *place, unsigned limit, char *why, size_t n)
{
    struct answer a = {0};
    json_t *json = NULL;
    char question[32];
    int fd = open_place(place, why, n);

    if (fd < 0)
        return NULL;
    snprintf(question, sizeof question, "tasks %u\n", limit);
    send(fd, question, strlen(question), MSG_NOSIGNAL); /* a refusal may be there already */
    if (read_answer(fd, &a, why, n) == 0)
        json = parse(&a, why, n);
    close(fd);
    free(a.p);
    return json;
}
