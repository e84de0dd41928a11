/* The first N primes, by three stages over channels; says now and then how far it is: pipeline N */
#include <proa/proa.h>

#include <stdio.h>
#include <stdlib.h>

struct pipeline {
    struct proa_channel *numbers; /* sender and receiver meet */
    struct proa_channel *primes;  /* sixteen may wait inside */
    long wanted;
};

static int count(void *arg) /* first stage: 2, 3, 4 ... until nobody wants more */
{
    const struct pipeline *p = arg;
    int rc = 0;
    for (long n = 2; rc == 0; n++)
        rc = proa_channel_send(p->numbers, &n);
    return rc == PROA_ECLOSED ? 0 : rc;
}

static bool is_prime(long n)
{
    for (long d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return true;
}

static int sift(void *arg) /* second stage: lets primes through */
{
    const struct pipeline *p = arg;
    int rc = 0;
    for (long n; rc == 0 && (rc = proa_channel_receive(p->numbers, &n)) == 0;)
        if (is_prime(n))
            rc = proa_channel_send(p->primes, &n);
    proa_channel_close(p->numbers); /* the end goes upstream, too */
    return rc == PROA_ECLOSED ? 0 : rc;
}

static int collect(const struct pipeline *p) /* third stage: prints as many as are wanted */
{
    long prime;
    struct proa_case c[] = {proa_case_receive(p->primes, &prime), proa_case_ticker(PROA_SEC / 10)};
    for (long found = 0; found < p->wanted;) {
        int which = PROA_SELECT(c); /* exactly one of the two happens */
        if (which < 0 || c[which].rc < 0)
            return which < 0 ? which : c[which].rc;
        if (which == 1)
            fprintf(stderr, "%ld so far\n", found);
        else
            found += printf("%ld\n", prime) > 0;
    }
    proa_channel_close(p->primes);
    return 0;
}

static int run(void *arg)
{
    PROA_AUTO(proa_channel) *numbers = NULL;
    PROA_AUTO(proa_channel) *primes = NULL;
    int rc = proa_channel_new(&numbers, sizeof(long), NULL);

    if (rc == 0)
        rc = proa_channel_new(&primes, sizeof(long), PROA_CHANNEL_OPTS(.capacity = 16));
    if (rc < 0)
        return rc;
    struct pipeline p = {numbers, primes, arg ? strtol(arg, NULL, 10) : 25};
    PROA_GROUP(g); /* left by any path: cancels and joins both stages */
    proa_create_task(&g, count, &p);
    proa_create_task(&g, sift, &p);
    rc = collect(&p);
    return rc < 0 ? rc : proa_group_join(&g);
}

int main(int argc, char **argv)
{
    return proa_main(run, argc > 1 ? argv[1] : NULL, NULL);
}
