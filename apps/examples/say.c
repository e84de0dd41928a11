/* Three messages after 2, 1 and 3 seconds: one after another, then side by side. say [-t]: no time
 * passes, a clock of its own jumps from one moment to the next, as in tests. */
#include <proa/proa.h>

#include <stdio.h>
#include <string.h>

struct message {
    int64_t delay;
    const char *words;
};

static int say(void *arg) /* a function that waits looks like any other */
{
    const struct message *m = arg;
    int rc = proa_sleep(m->delay);
    if (rc == 0)
        printf("%s\n", m->words);
    return rc;
}

static void tell_time(const char *how, int64_t start)
{
    printf("%s: %.0f seconds\n", how, (double)(proa_now() - start) / PROA_SEC);
}

static int run(void *arg)
{
    struct message hello = {2 * PROA_SEC, "hello"};
    struct message async = {1 * PROA_SEC, "async"};
    struct message world = {3 * PROA_SEC, "world"};
    int64_t start = proa_now();
    int rc;

    (void)arg;
    if ((rc = say(&hello)) < 0 || (rc = say(&async)) < 0 || (rc = say(&world)) < 0)
        return rc;
    tell_time("one after another", start);

    start = proa_now();
    rc = PROA_GATHER({say, &hello}, {say, &async}, {say, &world});
    tell_time("side by side", start);
    return rc;
}

int main(int argc, char **argv)
{
    bool at_once = argc > 1 && strcmp(argv[1], "-t") == 0;
    int rc = proa_run(run, NULL, PROA_RUN_OPTS(.signals = !at_once, .virtual_clock = at_once));

    if (rc < 0)
        fprintf(stderr, "say: %s\n", proa_err_detail(rc));
    return rc < 0;
}
