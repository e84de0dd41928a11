/*
 * proa-ps: what the tasks of a running process wait for. Its options, and one look after another.
 */

#include "apps/common/args.h"
#include "ps.h"

#include <proa/proa.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "proa-ps - what the tasks of a running process wait for, and where\n"
    "Usage: proa-ps [OPTIONS] [PID...]\n"
    "\n"
    "  -s, --stacks      all calls that each task is in, not only the program's own\n"
    "  -n, --limit N     tasks shown of each loop, the others are counted (default\n"
    "                    1000, at most 10000)\n"
    "  -j, --json        one object a loop, as docs/debugging.md describes it\n"
    "  -w, --watch T     look again every T (500ms, 2s), until interrupted\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Without PID: which processes of this user answer. A process answers if it was\n"
    "started with PROA_INSPECT=1 in its environment, or with .inspect of proa_run,\n"
    "and only to its own user and to root. It goes on running meanwhile. A loop that\n"
    "is stuck does not answer; then the task that holds it is shown.\n"
    "Exit status: 0 all answered; 1 wrong use; 2 some did not.\n";

struct options {
    bool stacks;
    bool json;
    unsigned limit;
    int64_t every; /* nanoseconds; 0: once */
};

struct look {
    const struct options *o;
    int silent; /* that did not answer */
    int heard;
};

static void show_one(void *arg, const struct place *place)
{
    struct look *look = arg;
    char why[128] = "";
    json_t *answer = ask_place(place, look->o->limit, why, sizeof why);

    if (!answer) {
        fprintf(stderr, "proa-ps: process %d: %s\n", place->pid, why);
        look->silent++;
        return;
    }
    look->heard++;
    if (look->o->json) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        printf("\n");
    } else
        show_answer(answer, look->o->stacks);
    json_decref(answer);
}

/* Those that ended without removing their socket are passed over. */
static void list_one(void *arg, const struct place *place)
{
    struct look *look = arg;
    char why[128] = "";
    json_t *answer = ask_place(place, 1, why, sizeof why);

    if (!answer)
        return;
    look->heard++;
    printf("%7d %-16s loop %d, ", place->pid, json_string_value(json_object_get(answer, "program")),
           place->loop);
    if (json_is_true(json_object_get(answer, "stuck")))
        printf("STUCK\n");
    else
        printf("%lld tasks\n", (long long)json_integer_value(json_object_get(answer, "total")));
    json_decref(answer);
}

/* Whose process it is: there are its sockets. */
static uid_t user_of(int pid)
{
    char path[32];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", pid);
    return geteuid() == 0 && stat(path, &st) == 0 ? st.st_uid : geteuid();
}

static int look_at(const struct options *o, char **pids, int n)
{
    struct look look = {.o = o};

    if (n == 0) {
        find_places(geteuid(), 0, list_one, &look);
        if (look.heard == 0)
            fprintf(stderr, "proa-ps: no process of this user answers; start one with "
                            "PROA_INSPECT=1 in its environment\n");
        return look.heard ? 0 : 2;
    }
    for (int i = 0; i < n; i++) {
        int pid = atoi(pids[i]);

        if (find_places(user_of(pid), pid, show_one, &look) == 0) {
            explain_silence(pid);
            look.silent++;
        }
    }
    return look.silent ? 2 : 0;
}

static int check_pids(char **pids, int n)
{
    for (int i = 0; i < n; i++) {
        uint64_t pid;

        if (args_number("PID", pids[i], 1, 999999999, &pid) < 0)
            return -1;
    }
    return 0;
}

static int watch(const struct options *o, char **pids, int n)
{
    int status = look_at(o, pids, n);

    while (o->every && status == 0) {
        fflush(stdout);
        usleep((useconds_t)(o->every / PROA_US));
        if (isatty(STDOUT_FILENO))
            printf("\033[H\033[J");
        status = look_at(o, pids, n);
    }
    return status;
}

static int take_limit(struct options *o)
{
    uint64_t n = 0;
    int rc = args_number("--limit", optarg, 1, 10000, &n);

    o->limit = (unsigned)n;
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"stacks", no_argument, NULL, 's'},
                                          {"limit", required_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"watch", required_argument, NULL, 'w'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {0}};
    struct options o = {.limit = 1000};
    int rc = 0;
    int c;

    while (rc == 0 && (c = getopt_long(argc, argv, ":sn:jw:hV", longs, NULL)) != -1) {
        if (c == 's')
            o.stacks = true;
        else if (c == 'n')
            rc = take_limit(&o);
        else if (c == 'j')
            o.json = true;
        else if (c == 'w')
            rc = args_time("--watch", optarg, &o.every);
        else if (c == 'h')
            return fputs(help, stdout) < 0;
        else if (c == 'V')
            return printf("proa-ps %s\n", proa_version()) < 0;
        else
            rc = args_unknown(c, argv);
    }
    if (rc < 0 || check_pids(argv + optind, argc - optind) < 0)
        return 1;
    return watch(&o, argv + optind, argc - optind);
}
