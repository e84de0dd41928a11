/*
 * proa-httpbin: a service to try HTTP clients on. Its options and its life; the answers are in
 * pages.c.
 */

#include "apps/common/args.h"
#include "apps/common/listen.h"
#include "pages.h"

#include <proa/proa.h>

#include <getopt.h>
#include <stdio.h>

struct options {
    struct listen_opts listen;
    unsigned workers;
    bool access_log;
    int64_t drain;
};

static const char help[] =
    "proa-httpbin - a service to try HTTP clients on\n"
    "Usage: proa-httpbin [OPTIONS]\n"
    "\n"
    "  -l, --listen ADDR:PORT  listen there (default 127.0.0.1:8080; port 0: a free\n"
    "                          one); may be repeated; unix:PATH; http:// or https://\n"
    "                          before it, else it is https if there is a certificate\n"
    "      --tls-cert FILE     certificate chain, PEM\n"
    "      --tls-key FILE      its key, PEM (default: in the certificate's file)\n"
    "  -w, --workers N         processes (default: this one)\n"
    "      --access-log        a line per request on standard error\n"
    "      --drain T           how long a stop waits for open requests (default 30s)\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Prints 'listening on URL' for each address, each worker for itself. GET / tells\n"
    "what there is to fetch.\n"
    "SIGTERM and SIGINT drain, a second one cancels, a third one ends the process.\n";

static int serve(void *arg)
{
    struct options *o = arg;
    PROA_AUTO(proa_tls_ctx) *tls = NULL;
    PROA_AUTO(proa_app) *app = NULL;

    int rc = listen_resolve(&o->listen, "127.0.0.1:8080", &tls);
    if (rc < 0)
        return rc;
    proa_app_new(&app, PROA_APP_OPTS(.max_body = (size_t)16 << 20));
    add_pages(app);
    return proa_app_serve(
        app, PROA_SERVER_OPTS(.binds = o->listen.binds, .n_binds = o->listen.n,
                              .listening = listen_announce, .drain = o->drain,
                              .access = o->access_log ? proa_access_log_stderr : NULL));
}

/* 0: go on; 1: done; -1: wrong, and said so. */
static int parse(struct options *o, int argc, char **argv)
{
    enum { TLS_CERT = 256, TLS_KEY, ACCESS_LOG, DRAIN };
    static const struct option longs[] = {{"listen", required_argument, NULL, 'l'},
                                          {"tls-cert", required_argument, NULL, TLS_CERT},
                                          {"tls-key", required_argument, NULL, TLS_KEY},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"access-log", no_argument, NULL, ACCESS_LOG},
                                          {"drain", required_argument, NULL, DRAIN},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {0}};
    uint64_t n = 0;
    int c;

    while ((c = getopt_long(argc, argv, ":l:w:hV", longs, NULL)) != -1) {
        int rc = 0;
        switch (c) {
        case 'l':
            rc = listen_add(&o->listen, optarg);
            break;
        case TLS_CERT:
            o->listen.cert = optarg;
            break;
        case TLS_KEY:
            o->listen.key = optarg;
            break;
        case 'w':
            rc = args_number("--workers", optarg, 0, 1024, &n);
            o->workers = (unsigned)n;
            break;
        case ACCESS_LOG:
            o->access_log = true;
            break;
        case DRAIN:
            rc = args_time("--drain", optarg, &o->drain);
            break;
        case 'h':
            fputs(help, stdout);
            return 1;
        case 'V':
            printf("proa-httpbin %s\n", proa_version());
            return 1;
        default:
            return args_unknown(c, argv);
        }
        if (rc < 0)
            return rc;
    }
    if (optind < argc) {
        fprintf(stderr, "proa-httpbin: unexpected argument '%s'; see proa-httpbin --help\n",
                argv[optind]);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct options o;
    int rc = parse(&o, argc, argv);

    if (rc != 0)
        return rc < 0;
    return proa_main(serve, &o, PROA_MAIN_OPTS(.workers = o.workers));
}
