#ifndef TESTS_SERVED_H
#define TESTS_SERVED_H

/*
 * served: a server in memory, and clients that write raw bytes to it. For bodies under t_run.
 */

#include "net/pair.h"
#include "support/t_run.h"

#include <proa/app.h>
#include <proa/request.h>
#include <proa/response.h>
#include <proa/server.h>
#include <proa/stream.h>

/* Says hello. */
int say_hello(struct proa_request *req, struct proa_response *resp, void *arg);

/* An app that says hello at "/", and at "/long" sleeps for an hour. */
struct proa_app *hello_app(void);

/* What the last such sleep returned; 1: it has not. */
extern int slept_rc;

/* Start serving `app` nowhere but in memory; `opts` may be NULL. */
struct proa_server *served_start(struct proa_app *app, const struct proa_server_opts *opts);

/* Stop it and free it; the app too. Must end within a grace time of 5 s with 0. */
void served_end(struct proa_server *server, struct proa_app *app);

/* A new connection to it, with a network between (NULL: a good one). */
struct proa_stream *served_connect(struct proa_server *server, const struct pair_opts *network);

/* Write, and end our side. */
void say_all(struct proa_stream *s, const char *bytes, size_t n);

/* Read to the end (or a reset): a C string. Valid until: the next call. */
const char *hear_all(struct proa_stream *s);

/* Connect, say `request`, hear everything, close. `request` is a C string. Valid until: the next
 * call. */
const char *ask(struct proa_server *server, const char *request);

/* The status of the first response in `text`; 0: there is none. */
int status_of(const char *text);

/* Ask for "/" on a connected socket, let the server work, and give the status that came; 0: none.
 */
int status_on(int fd);

/* How many responses there are in `text`. */
int responses_in(const char *text);

/* What follows the first empty line. */
const char *body_of(const char *text);

/* The value of a field of the first head in `text`; {NULL, 0}: it has none. And how many it has. */
struct proa_str field_of(const char *text, const char *name);
int fields_of(const char *text, const char *name);

/* How many bytes the last hear_all gave. */
size_t heard_n(void);

/* How the last hear_all ended: 0, as a connection should, or the code of the cut. */
int heard_end(void);

/* Write a C string and leave our side open; it must go through. */
void say(struct proa_stream *s, const char *text);

/* Read once: a C string. Valid until: the next call. */
const char *hear_some(struct proa_stream *s);

/* From now on keep what is logged; and give it, a line each. */
void log_keep(void);
const char *log_kept(void);

/* Run `body` as a task, with a server of the app that `make` gives. */
void served_run(struct proa_app *(*make)(void), void (*body)(struct proa_server *server));

/* A test whose body, which follows, gets such a server. */
#define SERVED_TEST(name, make)                                                                    \
    static void name##_body(struct proa_server *server);                                           \
    START_TEST(name)                                                                               \
    {                                                                                              \
        served_run(make, name##_body);                                                             \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(struct proa_server *server)

#endif
