#include "load.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

static const double percents[] = {50, 75, 90, 99, 99.9, 99.99};
enum { N_PERCENTS = sizeof percents / sizeof percents[0] };

/* "812 us", "1.24 ms" */
static const char *time_text(double ns, char text[32])
{
    if (ns < 1e3)
        snprintf(text, 32, "%.0f ns", ns);
    else if (ns < 1e6)
        snprintf(text, 32, "%.1f us", ns / 1e3);
    else if (ns < 1e9)
        snprintf(text, 32, "%.2f ms", ns / 1e6);
    else
        snprintf(text, 32, "%.2f s", ns / 1e9);
    return text;
}

static const char *bytes_text(double n, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t i = 0;

    for (; n >= 1000 && i < 4; i++)
        n /= 1000;
    snprintf(text, 32, i ? "%.1f %s" : "%.0f %s", n, units[i]);
    return text;
}

static double seconds(const struct counts *all)
{
    return all->elapsed > 0 ? (double)all->elapsed / 1e9 : 1e-9;
}

static void print_errors(const struct counts *all)
{
    printf("  errors       %llu\n", (unsigned long long)all->failed);
    for (size_t i = 0; i < all->n_errors; i++)
        printf("    %-24s %llu, first: %s\n", proa_err_name(all->errors[i].rc),
               (unsigned long long)all->errors[i].n, all->errors[i].first);
}

static void print_statuses(const struct counts *all)
{
    fputs("  statuses    ", stdout);
    for (int i = 1; i < 6; i++)
        if (all->status[i])
            printf(" %dxx %llu", i, (unsigned long long)all->status[i]);
    fputs(all->responses ? "\n" : " none\n", stdout);
}

static void print_latency(const struct counts *all)
{
    const struct histogram *h = &all->latency;
    char text[32];

    if (!h->count)
        return;
    printf("\n  latency      min %s", time_text((double)h->min, text));
    printf(", mean %s", time_text((double)h->sum / (double)h->count, text));
    printf(", max %s\n", time_text((double)h->max, text));
    for (size_t i = 0; i < N_PERCENTS; i++)
        printf("    %6.5g %%   %10s\n", percents[i],
               time_text((double)histogram_percentile(h, percents[i]), text));
}

void report_text(const struct load *load, const struct counts *all, double cpu)
{
    const struct options *o = &load->o;
    double s = seconds(all);
    double busy = 100 * cpu / s / o->threads;
    char text[32];

    printf("%s %s: %u connection%s, %u thread%s, %.2f s\n\n", o->method, o->url, o->connections,
           o->connections == 1 ? "" : "s", o->threads, o->threads == 1 ? "" : "s", s);
    printf("  requests     %llu complete, %.0f/s, %s/s received\n",
           (unsigned long long)all->responses, (double)all->responses / s,
           bytes_text((double)all->bytes / s, text));
    printf("  connections  %llu of %u open at once, %llu opened\n",
           (unsigned long long)all->most_open, o->connections, (unsigned long long)all->opened);
    print_statuses(all);
    print_errors(all);
    if (all->unfinished)
        printf("  unfinished   %llu in flight when the time was over\n",
               (unsigned long long)all->unfinished);
    print_latency(all);
    printf("\n  this program used %.0f %% of its thread%s%s\n", busy, o->threads == 1 ? "" : "s",
           busy > 90 && s > 0.5
               ? ": the load generator was the limit; more threads (-t) may show more"
               : "");
}

void report_json(const struct load *load, const struct counts *all, double cpu)
{
    const struct options *o = &load->o;
    json_t *latency = json_object();
    json_t *errors = json_object();
    json_t *statuses = json_object();
    char key[16];

    for (size_t i = 0; i < N_PERCENTS; i++) {
        snprintf(key, sizeof key, "p%g", percents[i]);
        json_object_set_new(
            latency, key,
            json_integer((json_int_t)histogram_percentile(&all->latency, percents[i])));
    }
    json_object_set_new(latency, "min", json_integer((json_int_t)all->latency.min));
    json_object_set_new(latency, "max", json_integer((json_int_t)all->latency.max));
    json_object_set_new(
        latency, "mean",
        json_real(all->latency.count ? (double)all->latency.sum / (double)all->latency.count : 0));
    for (size_t i = 0; i < all->n_errors; i++)
        json_object_set_new(errors, proa_err_name(all->errors[i].rc),
                            json_integer((json_int_t)all->errors[i].n));
    for (int i = 1; i < 6; i++) {
        snprintf(key, sizeof key, "%dxx", i);
        json_object_set_new(statuses, key, json_integer((json_int_t)all->status[i]));
    }
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:i, s:i, s:f, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:f}",
        "schema", "proa.load/1", "method", o->method, "url", o->url, "connections",
        (int)o->connections, "threads", (int)o->threads, "seconds", seconds(all), "requests",
        (json_int_t)all->responses, "requests_per_second", (double)all->responses / seconds(all),
        "bytes", (json_int_t)all->bytes, "connections_open", (json_int_t)all->most_open,
        "connections_opened", (json_int_t)all->opened, "failed", (json_int_t)all->failed,
        "unfinished", (json_int_t)all->unfinished, "statuses", statuses, "errors", errors,
        "latency_ns", latency, "cpu_seconds", cpu);
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(json);
}
