#include "served.h"

#include "support/t_peer.h"

#include <proa/buf.h>
#include <proa/log.h>
#include <proa/task.h>
#include <proa/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char heard[1 << 20];
static size_t heard_size;
static ssize_t heard_last;
static char lines[4096]; /* what was logged */

int slept_rc;

int say_hello(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)req;
    (void)arg;
    return proa_response_text(resp, 200, "hello");
}

static int sleeps(struct proa_request *req, struct proa_response *resp, void *arg)
{
    (void)arg;
    (void)req;
    slept_rc = proa_sleep(PROA_HOUR);
    return slept_rc < 0 ? slept_rc : proa_response_text(resp, 200, "slept");
}

struct proa_app *hello_app(void)
{
    struct proa_app *app = NULL;

    slept_rc = 1;
    ck_ok(proa_app_new(&app, NULL));
    proa_app_get(app, "/", say_hello, NULL);
    proa_app_get(app, "/long", sleeps, NULL);
    return app;
}

struct proa_server *served_start(struct proa_app *app, const struct proa_server_opts *opts)
{
    struct proa_server_opts o = opts ? *opts : (struct proa_server_opts){.size = sizeof o};
    struct proa_server *server = NULL;

    o.no_listen = true;
    ck_ok(proa_server_start(&server, app, &o));
    proa_yield(); /* its task runs now */
    return server;
}

void served_end(struct proa_server *server, struct proa_app *app)
{
    ck_ok(proa_server_stop(server, 5 * PROA_SEC));
    proa_server_free(server);
    proa_yield();
    proa_app_free(app);
}

struct proa_stream *served_connect(struct proa_server *server, const struct pair_opts *network)
{
    struct proa_stream *mine = NULL;
    struct proa_stream *its = NULL;

    ck_ok(proa__pair_new(&mine, &its, network));
    ck_ok(proa_server_add_stream_steal(server, its, false));
    return mine;
}

void say_all(struct proa_stream *s, const char *bytes, size_t n)
{
    size_t done;

    /* A server that has heard enough closes: what it does not take is no failure of the test. */
    if (proa_write(s, bytes, n, &done) == 0)
        proa_shutdown(s);
}

const char *hear_all(struct proa_stream *s)
{
    size_t n = 0;
    ssize_t got;

    while ((got = proa_read(s, heard + n, sizeof heard - 1 - n)) > 0)
        n += (size_t)got;
    heard[n] = 0;
    heard_size = n;
    heard_last = got;
    return heard;
}

size_t heard_n(void)
{
    return heard_size;
}

int heard_end(void)
{
    return (int)heard_last;
}

void say(struct proa_stream *s, const char *text)
{
    ck_ok(proa_write(s, text, strlen(text), NULL));
}

const char *hear_some(struct proa_stream *s)
{
    ssize_t n = ck_ok(proa_read(s, heard, sizeof heard - 1));

    heard[n] = 0;
    return heard;
}

const char *ask(struct proa_server *server, const char *request)
{
    struct proa_stream *s = served_connect(server, NULL);

    say_all(s, request, strlen(request));
    hear_all(s);
    proa_abort(s);
    return heard;
}

int status_of(const char *text)
{
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0;
}

int status_on(int fd)
{
    char text[1024] = "";

    t_peer_say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_turns(8);
    long n = t_peer_recv(fd, text, sizeof text - 1);
    return n > 12 ? atoi(text + 9) : 0;
}

int responses_in(const char *text)
{
    int n = 0;

    for (; (text = strstr(text, "HTTP/1.1 ")); text += 9)
        n++;
    return n;
}

const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    ck_assert_ptr_nonnull(end);
    return end + 4;
}

/* The next field of that name in the head at `at`, of which `*at` is moved behind; NULL: no more.
 */
static const char *next_field(const char **at, const char *name)
{
    const char *line;

    while ((line = strstr(*at, "\r\n")) && strncmp(line, "\r\n\r\n", 4) != 0) {
        *at = line + 2;
        size_t n = strlen(name);
        if (strncmp(*at, name, n) == 0 && strncmp(*at + n, ": ", 2) == 0)
            return *at + n + 2;
    }
    return NULL;
}

struct proa_str field_of(const char *text, const char *name)
{
    const char *value = next_field(&text, name);

    return value ? proa_str_make(value, strcspn(value, "\r")) : (struct proa_str){0};
}

int fields_of(const char *text, const char *name)
{
    int n = 0;

    while (next_field(&text, name))
        n++;
    return n;
}

static void keep_line(enum proa_log_level level, const char *text, void *arg)
{
    size_t n = strlen(lines);

    (void)level;
    (void)arg;
    snprintf(lines + n, sizeof lines - n, "%s\n", text);
}

void log_keep(void)
{
    lines[0] = 0;
    proa_log_set(keep_line, NULL);
}

const char *log_kept(void)
{
    return lines;
}

struct frame {
    struct proa_app *(*make)(void);
    void (*body)(struct proa_server *server);
};

static int frame_body(void *arg)
{
    struct frame *frame = arg;
    struct proa_app *app = frame->make();
    struct proa_server *server = served_start(app, NULL);

    frame->body(server);
    served_end(server, app);
    return 0;
}

void served_run(struct proa_app *(*make)(void), void (*body)(struct proa_server *server))
{
    t_run(frame_body, &(struct frame){make, body});
}
