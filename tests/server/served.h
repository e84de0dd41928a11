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

/* How many responses there are in `text`. */
int responses_in(const char *text);

/* What follows the first empty line. */
const char *body_of(const char *text);

#endif
