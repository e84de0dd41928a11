#include "net/names.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/resolve.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

static char host[PROA_HOST_TEXT];

static int name_of(struct proa_resolver *resolver, const char *ip)
{
    struct proa_addr addr;

    ck_ok(proa_addr_ip(&addr, ip, 80));
    return proa_resolve_name(resolver, host, &addr);
}

static int found_body(void *arg)
{
    (void)arg;
    names_fresh();
    ck_ok(name_of(NULL, "10.0.0.1"));
    ck_assert_str_eq(host, "one.test");
    memset(host, 0, sizeof host);
    ck_ok(name_of(NULL, "10.0.0.1"));
    ck_assert_str_eq(host, "one.test");
    ck_assert_int_eq(names_calls, 1); /* it is kept */
    ck_ok(name_of(NULL, "2001:db8::1"));
    ck_assert_int_eq(names_calls, 2);
    {
        PROA_SCOPE(scope);
        proa_scope_cancel(&scope);
        ck_err(name_of(NULL, "10.0.0.1"), PROA_ECANCELED); /* known or not */
    }
    ck_ok(proa_sleep(10 * PROA_SEC));
    ck_ok(name_of(NULL, "10.0.0.1"));
    ck_assert_int_eq(names_calls, 3);
    return 0;
}
START_TEST(an_address_has_its_name_and_it_is_kept)
{
    t_run(found_body, NULL);
}
END_TEST

static int failures_body(void *arg)
{
    struct proa_addr addr = {0};

    (void)arg;
    names_fresh();
    ck_err(name_of(NULL, "192.0.2.1"), PROA_ENOHOST);
    ck_assert_str_eq(proa_err_detail(PROA_ENOHOST), "the name of 192.0.2.1: no such host");
    ck_err(name_of(NULL, "10.0.0.2"), PROA_ERESOLVEAGAIN);
    ck_err(name_of(NULL, "10.0.0.2"), PROA_ERESOLVEAGAIN);
    ck_assert_int_eq(names_calls, 3); /* failures of the moment are not kept */
    ck_err(name_of(NULL, "10.0.0.3"), PROA_ERESOLVE);
    ck_err(proa_resolve_name(NULL, host, &addr), PROA_EINVAL);
    ck_ok(proa_addr_unix(&addr, "/x"));
    ck_err(proa_resolve_name(NULL, host, &addr), PROA_EINVAL);
    return 0;
}
START_TEST(failures_name_the_address)
{
    t_run(failures_body, NULL);
}
END_TEST

static int look_up(void *arg, struct proa_addrs *ret, const char *name)
{
    (void)arg;
    (void)ret;
    (void)name;
    ck_abort_msg("asked for a name");
}

/* The key of an address is no host name: neither is found by the other. */
static int own_body(void *arg)
{
    PROA_AUTO(proa_resolver) *resolver = NULL;
    struct proa_addrs addrs = {0};

    (void)arg;
    names_fresh();
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up)));
    ck_ok(name_of(resolver, "10.0.0.1"));
    ck_assert_int_eq(names_calls, 1);
    ck_err(proa_resolve(resolver, &addrs, " 10.0.0.1", 0, 0), PROA_EINVAL);
    return 0;
}
START_TEST(a_resolver_of_ones_own_asks_the_system_for_names)
{
    t_run(own_body, NULL);
}
END_TEST

static int ask(void *arg)
{
    return name_of(arg, "10.0.0.1");
}

static int whole_body(void *arg)
{
    PROA_AUTO(proa_resolver) *resolver = NULL;
    PROA_GROUP(g);
    int rc = proa_resolver_new(&resolver, NULL);

    (void)arg;
    if (rc == 0)
        rc = proa_create_task(&g, ask, resolver);
    if (rc == 0)
        rc = proa_create_task(&g, ask, resolver);
    return rc < 0 ? rc : proa_group_join(&g);
}
START_TEST(asking_survives_cancels_and_lack_of_memory)
{
    names_fresh();
    t_each_park(whole_body, NULL);
    t_run_each_alloc(whole_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("resolve_name", (const TTest *const[]){
                                      an_address_has_its_name_and_it_is_kept,
                                      failures_name_the_address,
                                      a_resolver_of_ones_own_asks_the_system_for_names,
                                      asking_survives_cancels_and_lack_of_memory,
                                      NULL,
                                  });
}
