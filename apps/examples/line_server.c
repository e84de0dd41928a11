/* A TCP server of lines, each comes back in capitals: line_server [PORT], then nc 127.0.0.1 PORT */
#include <proa/proa.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 1000, CLIENTS = 100 };

static int answer(struct proa_stream *client, struct proa_str line)
{
    char text[LINE_BYTES + 1];

    for (size_t i = 0; i < line.n; i++)
        text[i] = (char)toupper((unsigned char)line.p[i]);
    text[line.n] = '\n';
    return proa_write(client, text, line.n + 1, NULL); /* waits while the client does not read */
}

static int serve_client(void *arg)
{
    PROA_AUTO(proa_stream) *client = arg; /* closed at the brace */
    struct proa_str line;
    int rc;

    while ((rc = PROA_WITHIN(60 * PROA_SEC, proa_read_line(client, &line, LINE_BYTES))) > 0) {
        rc = answer(client, line);
        if (rc < 0)
            break;
    }
    if (rc == PROA_ECANCELED)
        return rc;
    if (rc == PROA_EMSGSIZE)
        proa_write(client, "too long\n", 9, NULL);
    if (rc < 0)
        fprintf(stderr, "a client was left: %s\n", proa_err_detail(rc));
    return 0; /* what ends one client does not end the others */
}

static int serve(void *arg)
{
    const int *port = arg;
    PROA_AUTO(proa_listener) *listener = NULL;
    PROA_GROUP(clients, .limit = CLIENTS); /* a client more waits for a free place */

    int rc = proa_listen_tcp(&listener, "127.0.0.1", *port, NULL);
    if (rc < 0)
        return rc;
    printf("listening on 127.0.0.1:%d\n", proa_listener_port(listener));
    fflush(stdout);
    for (;;) {
        struct proa_stream *client;
        rc = proa_accept(listener, &client);
        if (rc < 0)
            return rc; /* cancelled by a signal; the group ends the clients */
        rc = proa_create_task(&clients, serve_client, client);
        if (rc < 0)
            proa_stream_free(client);
    }
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 7000; /* 0: a free one */

    return proa_main(serve, &port, NULL);
}
