#include "apps/common/args.h"
#include "get.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "proa-get - fetch many URLs concurrently\n"
    "Usage: proa-get [OPTIONS] URL...\n"
    "\n"
    "  -i, --input FILE     read URLs from FILE, one a line, '#' begins a comment\n"
    "                       line; -: from standard input\n"
    "  -j, --jobs N         at once (default 16)\n"
    "      --per-host N     at once from one host (default: as many as -j)\n"
    "  -P, --dir DIR        write files there (default: here), named after the URLs;\n"
    "                       DIR is made; a name that comes again gets .2, .3, ...\n"
    "  -o, --output FILE    write the one URL's body to FILE; -: write all bodies to\n"
    "                       standard output, in the order of the URLs\n"
    "  -H, --header 'K: V'  send this header; may be repeated\n"
    "      --timeout T      for one try, head and body (default: none); 500ms, 2m\n"
    "      --read-timeout T without a byte (default 60s)\n"
    "      --retries N      tries beyond the first (default 2), when nothing or half\n"
    "                       an answer came, on 408, 429 and 5xx; waits in between,\n"
    "                       as long as Retry-After says\n"
    "  -k, --insecure       believe any certificate\n"
    "      --cacert FILE    believe these authorities in place of the system's\n"
    "      --cert FILE      our certificate, for servers that ask for one\n"
    "      --key FILE       its key (default: in the certificate's file)\n"
    "      --progress       show progress even if standard error is no terminal\n"
    "  -q, --quiet          no progress and no summary; failures are still told\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "A file is written as NAME.part and renamed when it is whole.\n"
    "Exit status: 0 every response came whole, with a status below 300 after\n"
    "redirects; 2 some did not; 1 wrong use or set-up.\n";

static int take_count(const char *option, uint64_t least, unsigned *ret)
{
    uint64_t n = 0;
    int rc = args_number(option, optarg, least, 100000, &n);

    *ret = (unsigned)n;
    return rc;
}

enum { PER_HOST = 256, TIMEOUT, READ_TIMEOUT, RETRIES, CACERT, CERT, KEY, PROGRESS };

static const struct option longs[] = {{"input", required_argument, NULL, 'i'},
                                      {"jobs", required_argument, NULL, 'j'},
                                      {"per-host", required_argument, NULL, PER_HOST},
                                      {"dir", required_argument, NULL, 'P'},
                                      {"output", required_argument, NULL, 'o'},
                                      {"header", required_argument, NULL, 'H'},
                                      {"timeout", required_argument, NULL, TIMEOUT},
                                      {"read-timeout", required_argument, NULL, READ_TIMEOUT},
                                      {"retries", required_argument, NULL, RETRIES},
                                      {"insecure", no_argument, NULL, 'k'},
                                      {"cacert", required_argument, NULL, CACERT},
                                      {"cert", required_argument, NULL, CERT},
                                      {"key", required_argument, NULL, KEY},
                                      {"progress", no_argument, NULL, PROGRESS},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {"version", no_argument, NULL, 'V'},
                                      {0}};

/* One option. 0, 1 (done) or -1. */
static int take(struct options *o, int c, char **argv)
{
    switch (c) {
    case 'i':
        o->input = optarg;
        return 0;
    case 'j':
        return take_count("--jobs", 1, &o->jobs);
    case PER_HOST:
        return take_count("--per-host", 1, &o->per_host);
    case 'P':
        o->dir = optarg;
        return 0;
    case 'o':
        o->output = optarg;
        return 0;
    case 'H':
        return args_header("--header", optarg, &o->headers);
    case TIMEOUT:
        return args_time("--timeout", optarg, &o->timeout);
    case READ_TIMEOUT:
        return args_time("--read-timeout", optarg, &o->read_timeout);
    case RETRIES:
        return take_count("--retries", 0, &o->retries);
    case 'k':
        o->insecure = true;
        return 0;
    case CACERT:
        o->cacert = optarg;
        return 0;
    case CERT:
        o->cert = optarg;
        return 0;
    case KEY:
        o->key = optarg;
        return 0;
    case PROGRESS:
        o->progress = true;
        return 0;
    case 'q':
        o->quiet = true;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1;
    case 'V':
        printf("proa-get %s\n", proa_version());
        return 1;
    default:
        return args_unknown(c, argv);
    }
}

int options_parse(struct options *o, int argc, char **argv)
{
    int c;

    o->jobs = 16;
    o->retries = 2;
    o->timeout = PROA_FOREVER;
    while ((c = getopt_long(argc, argv, ":i:j:P:o:H:kqhV", longs, NULL)) != -1) {
        int rc = take(o, c, argv);
        if (rc != 0)
            return rc;
    }
    if (o->dir && o->output) {
        fputs("proa-get: --dir and --output exclude each other\n", stderr);
        return -1;
    }
    return 0;
}
