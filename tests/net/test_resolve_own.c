#include "net/names.h"
#include "support/t_peer.h"
#include "support/t_run.h"

#include <proa/group.h>
#include <proa/listener.h>
#include <proa/resolve.h>
#include <proa/scope.h>
#include <proa/task.h>
#include <proa/time.h>

#include <string.h>

/* ---- asking */

static struct proa_resolver *resolver;

static int ask(const char *host)
{
    struct proa_addrs addrs = {0};
    int rc = proa_resolve(resolver, &addrs, host, 80, 0);

    ck_assert((rc == 0) == (addrs.n > 0));
    proa_addrs_fini(&addrs);
    return rc;
}

struct asker {
    const char *host;
    int rc;
    bool over;
};

static int ask_task(void *arg)
{
    struct asker *a = arg;

    a->rc = ask(a->host);
    a->over = true;
    return 0;
}

/* ---- a program's own function */

struct own {
    int calls;
    int rc;
    int64_t takes;
};

static int look_up(void *arg, struct proa_addrs *ret, const char *host)
{
    struct own *own = arg;
    struct proa_addr addr;
    int rc = own->takes ? proa_sleep(own->takes) : 0;

    own->calls++;
    ck_assert_str_eq(host, "name.test"); /* in lower case */
    if (rc == 0)
        rc = own->rc;
    if (rc == 0)
        rc = proa_addr_ip(&addr, "10.1.1.1", 7);
    return rc == 0 ? proa_addrs_add(ret, &addr) : rc;
}

static int own_body(void *arg)
{
    struct own own = {.takes = 3 * PROA_SEC};
    struct asker a[3];
    int64_t began = proa_now();

    (void)arg;
    names_fresh();
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up, .arg = &own)));
    PROA_GROUP(g);
    for (int i = 0; i < 3; i++) {
        a[i] = (struct asker){.host = "Name.Test", .rc = 1};
        ck_ok(proa_create_task(&g, ask_task, &a[i]));
    }
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(own.calls, 1);
    ck_assert_int_eq(proa_now() - began, 3 * PROA_SEC);
    own.rc = -20001;
    proa_sleep(10 * PROA_SEC);
    ck_err(ask("name.test"), -20001);
    ck_assert_int_eq(names_calls, 0);

    own.rc = 0; /* freed in the middle */
    PROA_GROUP(late);
    ck_ok(proa_create_task(&late, ask_task, &a[0]));
    proa_sleep(PROA_SEC);
    proa_resolver_free(resolver);
    resolver = NULL;
    ck_ok(proa_group_join(&late));
    ck_assert_int_eq(a[0].rc, PROA_ECLOSED);
    proa_sleep(3 * PROA_SEC); /* the function comes to its end alone */
    ck_assert_int_eq(own.calls, 3);
    return 0;
}
START_TEST(a_program_can_look_up_itself)
{
    t_run(own_body, NULL);
}
END_TEST

static int only_localhost(void *arg, struct proa_addrs *ret, const char *host)
{
    struct proa_addr addr;
    int rc = proa_addr_ip(&addr, "10.2.2.2", 0);

    ck_assert_str_eq(host, "localhost");
    ++*(int *)arg;
    return rc < 0 ? rc : proa_addrs_add(ret, &addr);
}

static int own_localhost_body(void *arg)
{
    PROA_AUTO(proa_addrs) addrs = {0};
    int calls = 0;
    char text[PROA_ADDR_TEXT];

    (void)arg;
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = only_localhost, .arg = &calls)));
    ck_ok(proa_resolve(resolver, &addrs, "LOCALHOST", 80, 0));
    ck_assert_uint_eq(addrs.n, 1);
    ck_assert_str_eq(proa_addr_format(&addrs.a[0], text), "10.2.2.2:80");
    ck_ok(ask("localhost")); /* from the cache, like any name */
    ck_assert_int_eq(calls, 1);
    proa_resolver_free(resolver);
    resolver = NULL;
    return 0;
}
START_TEST(a_programs_function_is_asked_for_localhost_too)
{
    t_run(own_localhost_body, NULL);
}
END_TEST

/* The run ends, which cancels the look-up but not the asker behind its shield. */
static struct own slow_own = {.takes = 3 * PROA_SEC};
static int shielded_rc;

static int ask_shielded(void *arg)
{
    (void)arg;
    PROA_SHIELD(shield, PROA_SEC);
    shielded_rc = ask("name.test");
    proa_resolver_free(resolver);
    resolver = NULL;
    return 0;
}

static int end_early(void *arg)
{
    (void)arg;
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up, .arg = &slow_own)));
    ck_ok(proa_create_task(NULL, ask_shielded, NULL));
    t_turns(2);
    return 0;
}
START_TEST(a_cancelled_look_up_does_not_cancel_its_askers)
{
    names_fresh();
    ck_ok(proa_run(end_early, NULL, PROA_RUN_OPTS(.virtual_clock = true)));
    ck_assert_int_eq(shielded_rc, PROA_ECLOSED);
}
END_TEST

/* Which fails, so that the name is forgotten when it answers; or is kept. */
static int at_once_body(void *arg)
{
    struct own own = {.rc = -20001};

    (void)arg;
    names_fresh();
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.fn = look_up, .arg = &own)));
    ck_err(PROA_WITHIN(PROA_SEC, ask("name.test")), -20001);
    own.rc = 0;
    ck_ok(PROA_WITHIN(PROA_SEC, ask("name.test")));
    ck_assert_int_eq(own.calls, 2);
    proa_resolver_free(resolver);
    resolver = NULL;
    return 0;
}
START_TEST(a_program_may_answer_without_waiting)
{
    t_run_modes(at_once_body, NULL);
}
END_TEST

/* ---- names to listen on */

static int listen_body(void *arg)
{
    struct proa_listener *l;
    struct proa_addr addr;

    (void)arg;
    names_fresh();
    ck_ok(proa_listen_tcp(&l, "here.test", 0, NULL)); /* three times the same, one not ours */
    ck_ok(proa_listener_address(l, 0, &addr));
    ck_err(proa_listener_address(l, 1, &addr), PROA_ENOENT);
    proa_listener_free(l);
    ck_err(proa_listen_tcp(&l, "two.test", 0, NULL), PROA_EADDRNOTAVAIL);
    ck_err(proa_listen_tcp(&l, "none.test", 0, NULL), PROA_ENOHOST);
    return 0;
}
START_TEST(a_name_is_listened_on_once_an_address)
{
    t_run(listen_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("resolve_own", (const TTest *const[]){
                                     a_program_can_look_up_itself,
                                     a_programs_function_is_asked_for_localhost_too,
                                     a_cancelled_look_up_does_not_cancel_its_askers,
                                     a_program_may_answer_without_waiting,
                                     a_name_is_listened_on_once_an_address,
                                     NULL,
                                 });
}
