#include "net/names.h"

#include "support/test.h"

#include <proa/addr.h>

#include <netdb.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

atomic_int names_calls;    /* look-ups begun */
static atomic_int running; /* at this moment */
atomic_int names_most;     /* at one moment */
static sem_t gate;         /* slow look-ups wait here */

static struct addrinfo *answer(int family, const char *ip, struct addrinfo *next)
{
    struct addrinfo *ai = calloc(1, sizeof *ai);
    struct proa_addr *addr = calloc(1, sizeof *addr);

    ck_assert(ai && addr);
    if (family == AF_UNIX) {
        addr->len = sizeof addr->u.un;
        addr->u.un.sun_family = AF_UNIX;
    } else {
        ck_ok(proa_addr_ip(addr, ip, 0));
    }
    ai->ai_family = family;
    ai->ai_addrlen = addr->len;
    ai->ai_addr = &addr->u.sa;
    ai->ai_canonname = (char *)addr;
    ai->ai_next = next;
    return ai;
}

void freeaddrinfo(struct addrinfo *ai)
{
    while (ai) {
        struct addrinfo *next = ai->ai_next;
        free(ai->ai_canonname);
        free(ai);
        ai = next;
    }
}

int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    int now = ++running;
    int code = 0;

    (void)service;
    ck_assert_int_eq(hints->ai_socktype, SOCK_STREAM);
    names_calls++;
    if (now > names_most)
        names_most = now;
    if (strncmp(host, "slow", 4) == 0)
        sem_wait(&gate);
    running--;

    if (strcmp(host, "none.test") == 0)
        code = EAI_NONAME;
    else if (strcmp(host, "nodata.test") == 0)
        code = EAI_NODATA;
    else if (strcmp(host, "again.test") == 0)
        code = EAI_AGAIN;
    else if (strcmp(host, "broken.test") == 0)
        code = EAI_FAIL;
    else if (strcmp(host, "memory.test") == 0)
        code = EAI_MEMORY;
    else if (strcmp(host, "odd.test") == 0)
        *ret = answer(AF_UNIX, NULL, NULL);
    else if (strcmp(host, "here.test") == 0)
        *ret = answer(AF_INET, "127.0.0.1",
                      answer(AF_INET, "192.0.2.1",
                             answer(AF_INET, "127.0.0.1", answer(AF_INET, "127.0.0.1", NULL))));
    else if (strcmp(host, "four.test") == 0)
        *ret = answer(AF_INET, "10.0.0.4", NULL);
    else
        *ret = answer(AF_INET6, "2001:db8::1",
                      answer(AF_INET, "10.0.0.1", answer(AF_INET, "10.0.0.2", NULL)));
    return code;
}

int getnameinfo(const struct sockaddr *restrict sa, socklen_t n, char *restrict host,
                socklen_t room, char *restrict service, socklen_t service_room, int flags)
{
    struct proa_addr addr = {.len = n};
    char ip[PROA_ADDR_TEXT];

    (void)service;
    ck_assert_int_eq(flags, NI_NAMEREQD);
    ck_assert_uint_eq(service_room, 0);
    names_calls++;
    memcpy(&addr.u, sa, n);
    proa_addr_format_ip(&addr, ip);
    if (strcmp(ip, "10.0.0.2") == 0)
        return EAI_AGAIN;
    if (strcmp(ip, "10.0.0.3") == 0) {
        memset(host, 'a', room - 1);
        host[room - 1] = '\0';
        return 0;
    }
    if (strcmp(ip, "10.0.0.1") != 0 && strcmp(ip, "2001:db8::1") != 0)
        return EAI_NONAME;
    strcpy(host, "one.test");
    return 0;
}

void names_open_gate(int n)
{
    while (n--)
        sem_post(&gate);
}

void names_fresh(void)
{
    names_calls = running = names_most = 0;
    sem_init(&gate, 0, 0);
}
