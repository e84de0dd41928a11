#ifndef TESTS_SCRIPTED_H
#define TESTS_SCRIPTED_H

/*
 * scripted: servers in memory that say what a test wrote down, and a session that reaches no other.
 *
 * The n-th request, on whatever connection, is answered by the n-th scene. What was heard, and
 * where, is kept for the test to look at.
 */

#include "net/pair.h"
#include "support/t_run.h"

#include <proa/connection.h>
#include <proa/session.h>
#include <proa/stream.h>
#include <proa/time.h>
#include <proa/tls.h>

#include <string.h>

enum scene_end {
    SCENE_KEEP,   /* the connection stays open */
    SCENE_FIN,    /* it is closed behind the response */
    SCENE_CUT,    /* the same, but TLS does not say good-bye */
    SCENE_RST,    /* it is reset */
    SCENE_SILENT, /* nothing more is heard or said on it, until the client closes it */
};

struct scene {
    const char *says; /* the response; NULL: not a byte */
    size_t n;         /* its bytes; 0: a C string's */
    int64_t after;    /* ns before it is said */
    bool early;       /* it is said when the request's head has come */
    bool deaf;        /* the request's body is not read */
    enum scene_end end;
};

struct heard {
    char origin[120]; /* that was connected to: "http://h" */
    int connection;   /* which one, from 0 */
    char head[2048];  /* of the request */
    char body[256];   /* its beginning */
    size_t body_n;
};

struct peer {
    struct scene scenes[40];
    size_t n_scenes;
    struct pair_opts network; /* a is the client */
    struct proa_tls_ctx *tls; /* of the servers, for https; NULL: those say nothing */
    int refuse;               /* what connecting fails with; 0: it does not */
    int64_t connect_time;     /* what it takes */
    struct heard heard[40];
    size_t n_heard;
    int resumed;  /* handshakes that continued a session */
    int last_end; /* what the newest connection to end ended with; PROA_EEOF: in order */
    int opened;   /* connections in all */
    int open;     /* of these open, as the servers see it */
    int failed;   /* a server had no memory, or was cancelled */
};

extern struct peer peer;
extern struct proa_session *session; /* freed at the end, if the test has not */

/* The scenes from now on (copied; what they say is not); what was heard is forgotten. */
#define PLAY(...)                                                                                  \
    play((const struct scene[]){__VA_ARGS__},                                                      \
         sizeof((const struct scene[]){__VA_ARGS__}) / sizeof(struct scene))
void play(const struct scene *scenes, size_t n);

/* Make `session`, connected to the scripted servers. */
#define OPEN_SESSION(...) open_session(PROA_SESSION_OPTS(__VA_ARGS__))
void open_session(const struct proa_session_opts *opts);
int try_session(struct proa_session **ret, const struct proa_session_opts *opts);

/* A request, its whole response, and its end. */
struct got {
    int rc;      /* of the request */
    int body_rc; /* of reading the body */
    int status;
    int redirects;
    char url[256];
    char body[4096];
    size_t n;
};
#define FETCH(url, ...) fetch("GET", url, PROA_FETCH_OPTS(__VA_ARGS__))
const struct got *fetch(const char *method, const char *url, const struct proa_fetch_opts *opts);

/* It succeeded, with this status and body. */
void ck_got(const struct got *got, int status, const char *body);

/* Let the servers do all they can at this time; a millisecond passes. */
void settle(void);

/* A test whose body runs with a scripted world around it. */
typedef void scripted_fn(void);
int scripted_frame(void *body);
int scripted_run(t_body_fn *body, void *arg); /* the same for one that may fail */
#define SCRIPTED(name)                                                                             \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        t_run(scripted_frame, (void *)name##_body);                                                \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)

/* ---- one connection, without a session: both ends in the test's own hands */

struct wire {
    struct proa_connection *c;
    struct proa_stream *server;
};

void wire_open(struct wire *w, const struct pair_opts *network,
               const struct proa_connection_opts *opts);
void wire_close(struct wire *w);

/* Send one GET (or whatever) to "http://h/". */
void wire_ask(struct wire *w, const char *method);

/* The server says this; `wire_end` ends its side. */
void wire_say(struct wire *w, const char *text);
void wire_end(struct wire *w);

/* Read the body to its end or failure, into `buf` of `size`; *ret_n bytes came. */
int wire_body(struct wire *w, char *buf, size_t size, size_t *ret_n);

#endif
