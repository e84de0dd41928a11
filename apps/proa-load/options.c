#include "apps/common/args.h"
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "proa-load - HTTP load tester\n"
    "Usage: proa-load [OPTIONS] URL\n"
    "\n"
    "  -c, --connections N   connections kept busy (default 10)\n"
    "  -t, --threads N       event-loop threads (default: as many as processors)\n"
    "  -d, --duration T      stop after T (default 10s); 500ms, 30s, 2m\n"
    "  -n, --requests N      stop after N requests\n"
    "      --pipeline N      requests sent at once on a connection (default 1)\n"
    "      --no-keepalive    a new connection for each request\n"
    "  -m, --method M        (default GET, or POST with a body)\n"
    "  -H, --header 'K: V'   send this header; may be repeated\n"
    "  -b, --body TEXT       send this body\n"
    "      --body-file FILE  send the content of FILE\n"
    "      --timeout T       to connect, and for each wait for the server (30s)\n"
    "      --unix PATH       connect to this UNIX socket\n"
    "  -k, --insecure        believe any certificate\n"
    "      --cacert FILE     believe these authorities in place of the system's\n"
    "  -j, --json            print the result as JSON, schema \"proa.load/1\"\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Closed loop: a connection sends its next request when the last one was\n"
    "answered, so a slow server is asked less. Latency is from the send to the last\n"
    "byte of the response.\n"
    "Exit status: 0; 1 wrong use or set-up; 2 nothing was answered; 128 and the\n"
    "signal's number if interrupted (what was counted is still printed).\n";

enum { PIPELINE = 256, NO_KEEPALIVE, BODY_FILE, TIMEOUT, UNIX, CACERT };

static const struct option longs[] = {{"connections", required_argument, NULL, 'c'},
                                      {"threads", required_argument, NULL, 't'},
                                      {"duration", required_argument, NULL, 'd'},
                                      {"requests", required_argument, NULL, 'n'},
                                      {"pipeline", required_argument, NULL, PIPELINE},
                                      {"no-keepalive", no_argument, NULL, NO_KEEPALIVE},
                                      {"method", required_argument, NULL, 'm'},
                                      {"header", required_argument, NULL, 'H'},
                                      {"body", required_argument, NULL, 'b'},
                                      {"body-file", required_argument, NULL, BODY_FILE},
                                      {"timeout", required_argument, NULL, TIMEOUT},
                                      {"unix", required_argument, NULL, UNIX},
                                      {"insecure", no_argument, NULL, 'k'},
                                      {"cacert", required_argument, NULL, CACERT},
                                      {"json", no_argument, NULL, 'j'},
                                      {"help", no_argument, NULL, 'h'},
                                      {"version", no_argument, NULL, 'V'},
                                      {0}};

static int take_count(const char *option, uint64_t most, unsigned *ret)
{
    uint64_t n = 0;
    int rc = args_number(option, optarg, 1, most, &n);

    *ret = (unsigned)n;
    return rc;
}

static int read_file(struct options *o, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t n = 0;
    size_t room = 0;

    if (!file) {
        fprintf(stderr, "proa-load: %s: %s\n", path, strerror(errno));
        return -1;
    }
    for (;;) {
        if (n == room) {
            room = room ? 2 * room : 65536;
            char *text = realloc(o->body_text, room);
            if (!text)
                break;
            o->body_text = text;
        }
        size_t got = fread(o->body_text + n, 1, room - n, file);
        if (!got)
            break;
        n += got;
    }
    bool fine = feof(file) && !ferror(file);
    fclose(file);
    o->body = proa_str_make(o->body_text, n);
    if (!fine)
        fprintf(stderr, "proa-load: %s cannot be read\n", path);
    return fine ? 0 : -1;
}

/* One option. 0, 1 (done) or -1. */
static int take(struct options *o, int c, char **argv)
{
    switch (c) {
    case 'c':
        return take_count("--connections", 1000000, &o->connections);
    case 't':
        return take_count("--threads", THREADS_MAX, &o->threads);
    case 'd':
        return args_time("--duration", optarg, &o->duration);
    case 'n':
        return args_number("--requests", optarg, 1, 1000000000000, &o->requests);
    case PIPELINE:
        return take_count("--pipeline", 1000, &o->pipeline);
    case NO_KEEPALIVE:
        o->no_keepalive = true;
        return 0;
    case 'm':
        o->method = optarg;
        return 0;
    case 'H':
        return args_header("--header", optarg, &o->headers);
    case 'b':
        o->body = proa_str_from(optarg);
        return 0;
    case BODY_FILE:
        return read_file(o, optarg);
    case TIMEOUT:
        return args_time("--timeout", optarg, &o->timeout);
    case UNIX:
        o->unix_path = optarg;
        return 0;
    case 'k':
        o->insecure = true;
        return 0;
    case CACERT:
        o->cacert = optarg;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1;
    case 'V':
        printf("proa-load %s\n", proa_version());
        return 1;
    default:
        return args_unknown(c, argv);
    }
}

static int check_url(const struct options *o)
{
    struct proa_url url;
    int rc = proa_url_parse(&url, proa_str_from(o->url));

    if (rc < 0) {
        fprintf(stderr, "proa-load: %s: %s\n", o->url, proa_err_detail(rc));
        return -1;
    }
    bool known = proa_str_eq(url.scheme, PROA_STR("http")) ||
                 proa_str_eq(url.scheme, PROA_STR("https"));
    if (!known)
        fprintf(stderr, "proa-load: %s: neither http nor https\n", o->url);
    proa_url_fini(&url);
    return known ? 0 : -1;
}

static int complete(struct options *o)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (!o->threads)
        o->threads = processors < 1             ? 1
                     : processors > THREADS_MAX ? THREADS_MAX
                                                : (unsigned)processors;
    if (o->threads > o->connections)
        o->threads = o->connections;
    if (!o->duration)
        o->duration = o->requests ? PROA_FOREVER : 10 * PROA_SEC;
    if (!o->method)
        o->method = o->body.n ? "POST" : "GET";
    if (o->no_keepalive && proa_headers_set(&o->headers, "Connection", "close") < 0)
        return -1;
    if (o->no_keepalive && o->pipeline > 1) {
        fputs("proa-load: --pipeline and --no-keepalive exclude each other\n", stderr);
        return -1;
    }
    return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
    int c;

    o->connections = 10;
    o->pipeline = 1;
    o->timeout = 30 * PROA_SEC;
    while ((c = getopt_long(argc, argv, ":c:t:d:z:n:m:H:b:kjhV", longs, NULL)) != -1) {
        int rc = take(o, c == 'z' ? 'd' : c, argv);
        if (rc != 0)
            return rc;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "proa-load: %s; see proa-load --help\n",
                optind == argc ? "no URL" : "one URL only");
        return -1;
    }
    o->url = argv[optind];
    return check_url(o) < 0 ? -1 : complete(o);
}
