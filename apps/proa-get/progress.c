#include "get.h"

#include <stdio.h>

static bool shown;

/* "3.2 MB" */
static const char *size_text(uint64_t n, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)n;
    size_t i = 0;

    while (value >= 1000 && i + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        i++;
    }
    snprintf(text, 32, i ? "%.1f %s" : "%.0f %s", value, units[i]);
    return text;
}

void progress_clear(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}

/* printf of numbers with a point goes deep: on the thread's own stack. */
static int show(void *arg)
{
    const struct get *get = arg;
    char size[32];
    char rate[32];
    double seconds = (double)(proa_now() - get->began) / 1e9;

    size_text(get->bytes, size);
    size_text(seconds > 0 ? (uint64_t)((double)get->bytes / seconds) : 0, rate);
    fprintf(stderr, "\r\033[K%zu of %zu done, %zu failed, %zu running, %s, %s/s", get->done, get->n,
            get->failed, get->running, size, rate);
    fflush(stderr);
    shown = true;
    return 0;
}

int progress_run(void *get)
{
    int rc;

    while ((rc = proa_sleep(200 * PROA_MS)) == 0)
        proa_call_on_big_stack(show, get);
    progress_clear();
    return rc;
}

static int summarise(void *arg)
{
    const struct get *get = arg;
    char size[32];

    progress_clear();
    fprintf(stderr, "%zu of %zu fetched, %zu failed, %s in %.2f s\n", get->done - get->failed,
            get->n, get->failed, size_text(get->bytes, size),
            (double)(proa_now() - get->began) / 1e9);
    return 0;
}

void progress_summary(const struct get *get)
{
    proa_call_on_big_stack(summarise, (void *)get);
}
