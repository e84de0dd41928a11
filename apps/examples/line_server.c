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

/* A task for each client; what ends one does not end the others. */
static int serve_client(struct proa_stream *client, void *arg)
{
    struct proa_str line;
    int rc;

    (void)arg;
    while ((rc = PROA_WITHIN(60 * PROA_SEC, proa_read_line(client, &line, LINE_BYTES))) > 0) {
        rc = answer(client, line);
        if (rc < 0)
            break;
    }
    if (rc == PROA_EMSGSIZE)
        rc = proa_write(client, "too long\n", 9, NULL);
    return rc; /* then the stream is closed; a failure is logged */
}

static int serve(void *arg)
{
    const int *port = arg;
    PROA_AUTO(proa_stream_server) *server = NULL;

    int rc = proa_start_server(&server, "127.0.0.1", *port, serve_client, NULL,
                               PROA_STREAM_SERVER_OPTS(.limit = CLIENTS));
    if (rc < 0)
        return rc;
    printf("listening on 127.0.0.1:%d\n", proa_stream_server_port(server));
    fflush(stdout);
    return proa_stream_server_serve_forever(server); /* until a signal */
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 7000; /* 0: a free one */

    return proa_main(serve, &port, NULL);
}
