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

static int answer_body(void *arg)
{
    PROA_AUTO(proa_addrs) all = {0};
    PROA_AUTO(proa_addrs) four = {0};
    PROA_AUTO(proa_addrs) none = {0};
    char text[PROA_ADDR_TEXT];

    (void)arg;
    names_fresh();
    ck_ok(proa_resolve(NULL, &all, "two.test", 443, 0));
    ck_assert_uint_eq(all.n, 3);
    ck_assert_str_eq(proa_addr_format(&all.a[0], text), "[2001:db8::1]:443");
    ck_assert_str_eq(proa_addr_format(&all.a[1], text), "10.0.0.1:443");
    ck_assert_str_eq(proa_addr_format(&all.a[2], text), "10.0.0.2:443");
    ck_ok(proa_resolve(NULL, &four, "TWO.test", 0,
                       AF_INET)); /* the same name, other port and family */
    ck_assert_uint_eq(four.n, 2);
    ck_assert_str_eq(proa_addr_format(&four.a[0], text), "10.0.0.1:0");
    ck_assert_int_eq(names_calls, 1);
    ck_err(proa_resolve(NULL, &none, "four.test", 80, AF_INET6), PROA_ENOHOST);
    ck_assert_uint_eq(none.n, 0);
    return 0;
}
START_TEST(a_name_has_its_addresses_in_order)
{
    t_run(answer_body, NULL);
}
END_TEST

static int numeric_body(void *arg)
{
    PROA_AUTO(proa_addrs) addrs = {0};
    char text[PROA_ADDR_TEXT];

    (void)arg;
    names_fresh();
    ck_ok(proa_resolve(NULL, &addrs, "127.0.0.9", 80, 0));
    ck_ok(proa_resolve(NULL, &addrs, "::1", 80, AF_INET6));
    ck_assert_uint_eq(addrs.n, 2);
    ck_assert_str_eq(proa_addr_format(&addrs.a[0], text), "127.0.0.9:80");
    ck_assert_str_eq(proa_addr_format(&addrs.a[1], text), "[::1]:80");
    ck_err(proa_resolve(NULL, &addrs, "::1", 80, AF_INET), PROA_ENOHOST);
    ck_assert_int_eq(names_calls, 0);
    return 0;
}
START_TEST(numbers_are_not_looked_up)
{
    t_run(numeric_body, NULL);
}
END_TEST

/* What the addresses of `host` are, as one text. */
static const char *texts(const char *host, int family)
{
    static char all[200];
    char text[PROA_ADDR_TEXT];
    PROA_AUTO(proa_addrs) addrs = {0};
    int rc = proa_resolve(resolver, &addrs, host, 80, family);

    if (rc < 0)
        return proa_err_detail(rc);
    all[0] = '\0';
    for (size_t i = 0; i < addrs.n; i++) {
        strcat(all, i ? " " : "");
        strcat(all, proa_addr_format(&addrs.a[i], text));
    }
    return all;
}

static int localhost_body(void *arg)
{
    static const char *const names[] = {"localhost",     "LocalHost",     "localhost.",
                                        "app.localhost", "a.b.LOCALHOST", "app.localhost."};
    static const char *const others[] = {"localhost..", "xlocalhost", "localhost.test", "ocalhost",
                                         "localhos"};
    int64_t began = proa_now();

    (void)arg;
    names_fresh();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_str_eq(texts(names[i], 0), "[::1]:80 127.0.0.1:80");
    ck_assert_str_eq(texts("localhost", AF_INET), "127.0.0.1:80");
    ck_assert_str_eq(texts("localhost", AF_INET6), "[::1]:80");
    ck_assert_str_eq(texts("Localhost", AF_UNIX), "Localhost: no such host");
    ck_assert_int_eq(names_calls, 0);
    ck_assert_int_eq(proa_now(), began);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_str_eq(texts(others[i], AF_INET6), "[2001:db8::1]:80");
    ck_assert_int_eq(names_calls, sizeof others / sizeof others[0]);
    return 0;
}
START_TEST(localhost_is_not_looked_up)
{
    t_run(localhost_body, NULL);
}
END_TEST

static int localhost_memory_body(void *arg)
{
    PROA_AUTO(proa_addrs) addrs = {0};

    (void)arg;
    return proa_resolve(NULL, &addrs, "localhost", 80, 0);
}
START_TEST(localhost_survives_lack_of_memory)
{
    t_run_each_alloc(localhost_memory_body, NULL);
}
END_TEST

static int invalid_body(void *arg)
{
    char host[257];
    struct proa_addrs addrs = {0};

    (void)arg;
    names_fresh();
    memset(host, 'h', sizeof host);
    host[254] = '\0';
    ck_ok(ask(host));
    host[254] = 'h';
    host[255] = '\0';
    ck_err(ask(host), PROA_EINVAL);
    ck_err(ask(""), PROA_EINVAL);
    ck_err(ask(NULL), PROA_EINVAL);
    ck_err(ask("a b"), PROA_EINVAL);
    ck_err(ask("a\nb"), PROA_EINVAL);
    ck_err(ask("a\x7f"), PROA_EINVAL);
    ck_err(proa_resolve(NULL, &addrs, "two.test", 65536, 0), PROA_EINVAL);
    ck_err(proa_resolve(NULL, &addrs, "two.test", -1, 0), PROA_EINVAL);
    ck_assert_int_eq(names_calls, 1);
    return 0;
}
START_TEST(what_is_no_host_name_is_refused)
{
    t_run(invalid_body, NULL);
}
END_TEST

static int codes_body(void *arg)
{
    (void)arg;
    names_fresh();
    ck_err(ask("none.test"), PROA_ENOHOST);
    ck_assert_str_eq(proa_err_detail(PROA_ENOHOST), "none.test: no such host");
    ck_err(ask("nodata.test"), PROA_ENOHOST);
    ck_err(ask("odd.test"), PROA_ENOHOST); /* neither IPv4 nor IPv6 */
    ck_err(ask("again.test"), PROA_ERESOLVEAGAIN);
    ck_err(ask("broken.test"), PROA_ERESOLVE);
    ck_err(ask("memory.test"), PROA_ENOMEM);
    return 0;
}
START_TEST(failures_have_codes_and_name_the_host)
{
    t_run(codes_body, NULL);
}
END_TEST

/* ---- the cache */

static int ttl_body(void *arg)
{
    (void)arg;
    names_fresh();
    ck_ok(ask("two.test"));
    proa_sleep(10 * PROA_SEC - 1);
    ck_ok(ask("two.test"));
    ck_assert_int_eq(names_calls, 1);
    proa_sleep(1);
    ck_ok(ask("two.test"));
    ck_assert_int_eq(names_calls, 2);
    return 0;
}
START_TEST(an_answer_is_kept_for_ten_seconds)
{
    t_run(ttl_body, NULL);
}
END_TEST

static int negative_body(void *arg)
{
    (void)arg;
    names_fresh();
    ck_err(ask("none.test"), PROA_ENOHOST);
    proa_sleep(PROA_SEC - 1);
    ck_err(ask("none.test"), PROA_ENOHOST);
    ck_assert_int_eq(names_calls, 1);
    proa_sleep(1);
    ck_err(ask("none.test"), PROA_ENOHOST);
    ck_assert_int_eq(names_calls, 2);
    ck_err(ask("again.test"), PROA_ERESOLVEAGAIN); /* of the moment: not kept at all */
    ck_err(ask("again.test"), PROA_ERESOLVEAGAIN);
    ck_assert_int_eq(names_calls, 4);
    return 0;
}
START_TEST(no_such_host_is_kept_for_a_second)
{
    t_run(negative_body, NULL);
}
END_TEST

static int options_body(void *arg)
{
    struct proa_resolver *r;

    (void)arg;
    names_fresh();
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.ttl = -1, .negative_ttl = -1)));
    ck_ok(ask("two.test"));
    ck_ok(ask("two.test"));
    ck_err(ask("none.test"), PROA_ENOHOST);
    ck_err(ask("none.test"), PROA_ENOHOST);
    ck_assert_int_eq(names_calls, 4);
    proa_resolver_free(resolver);

    ck_ok(proa_resolver_new(&resolver,
                            PROA_RESOLVER_OPTS(.ttl = PROA_MIN, .negative_ttl = PROA_MIN)));
    ck_ok(ask("two.test"));
    ck_err(ask("none.test"), PROA_ENOHOST);
    proa_sleep(PROA_SEC); /* one second is the most for a negative answer */
    ck_err(ask("none.test"), PROA_ENOHOST);
    proa_sleep(58 * PROA_SEC);
    ck_ok(ask("two.test"));
    ck_assert_int_eq(names_calls, 7);
    proa_resolver_free(resolver);

    ck_err(proa_resolver_new(&r, PROA_RESOLVER_OPTS(.threads = 65)), PROA_EINVAL);
    ck_err(proa_resolver_new(&r, PROA_RESOLVER_OPTS(.threads = -1)), PROA_EINVAL);
    proa_resolver_free(NULL);
    resolver = NULL;
    return 0;
}
START_TEST(keeping_times_are_options_with_a_bound)
{
    t_run(options_body, NULL);
}
END_TEST

static int lru_body(void *arg)
{
    (void)arg;
    names_fresh();
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.max_entries = 2)));
    ck_ok(ask("a.test"));
    ck_ok(ask("b.test"));
    ck_ok(ask("a.test")); /* used again: b is now the oldest */
    ck_ok(ask("c.test")); /* one more than the limit */
    ck_assert_int_eq(names_calls, 3);
    ck_ok(ask("a.test"));
    ck_ok(ask("c.test"));
    ck_assert_int_eq(names_calls, 3);
    ck_ok(ask("b.test"));
    ck_assert_int_eq(names_calls, 4);
    proa_resolver_free(resolver);
    resolver = NULL;
    return 0;
}
START_TEST(the_least_recently_used_name_goes_first)
{
    t_run(lru_body, NULL);
}
END_TEST

/* ---- look-ups in flight */

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

static int join_body(void *arg)
{
    struct asker a[5];

    (void)arg;
    names_fresh();
    PROA_GROUP(others);
    {
        PROA_GROUP(first);
        for (int i = 0; i < 5; i++) {
            a[i] = (struct asker){.host = i % 2 ? "SLOW.test" : "slow.test", .rc = 1};
            ck_ok(proa_create_task(i ? &others : &first, ask_task, &a[i]));
        }
        t_turns(3);
        proa_group_cancel(&first); /* whose asking began the look-up */
        ck_ok(proa_group_join(&first));
    }
    ck_assert_int_eq(a[0].rc, PROA_ECANCELED);
    names_open_gate(1);
    ck_ok(proa_group_join(&others));
    for (int i = 1; i < 5; i++)
        ck_assert_int_eq(a[i].rc, 0);
    ck_assert_int_eq(names_calls, 1);
    return 0;
}
START_TEST(equal_look_ups_are_one_and_survive_a_cancel)
{
    t_run(join_body, NULL);
}
END_TEST

static int alone_body(void *arg)
{
    struct asker a = {.host = "slow.test"};

    (void)arg;
    names_fresh();
    {
        PROA_GROUP(g);
        ck_ok(proa_create_task(&g, ask_task, &a));
        t_turns(3);
        proa_group_cancel(&g);
    }
    ck_assert_int_eq(a.rc, PROA_ECANCELED);
    names_open_gate(1);
    ck_ok(ask("slow.test")); /* joins the look-up that was left behind, or finds its answer */
    ck_assert_int_eq(names_calls, 1);
    return 0;
}
START_TEST(a_look_up_goes_on_without_its_asker)
{
    t_run(alone_body, NULL);
}
END_TEST

static int threads_body(void *arg)
{
    static const char *const host[] = {"slow1", "slow2", "slow3", "slow4", "slow5", "slow6"};
    struct asker a[6];

    (void)arg;
    names_fresh();
    PROA_GROUP(g);
    for (int i = 0; i < 6; i++) {
        a[i] = (struct asker){.host = host[i], .rc = 1};
        ck_ok(proa_create_task(&g, ask_task, &a[i]));
    }
    t_turns(3);
    names_open_gate(6);
    ck_ok(proa_group_join(&g));
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(a[i].rc, 0);
    ck_assert_int_eq(names_calls, 6);
    ck_assert_int_le(names_most, 4);
    return 0;
}
START_TEST(look_ups_run_in_four_threads_at_most)
{
    t_run(threads_body, NULL);
}
END_TEST

static int free_body(void *arg)
{
    struct asker a[2] = {{.host = "slow1"}, {.host = "slow2"}};

    (void)arg;
    names_fresh();
    ck_ok(proa_resolver_new(&resolver, PROA_RESOLVER_OPTS(.threads = 1)));
    PROA_GROUP(g);
    for (int i = 0; i < 2; i++)
        ck_ok(proa_create_task(&g, ask_task, &a[i]));
    t_turns(3);
    names_open_gate(2); /* one is running, one still waits for the thread, and may get it */
    proa_resolver_free(resolver);
    resolver = NULL;
    ck_ok(proa_group_join(&g));
    ck_assert_int_eq(a[0].rc, PROA_ECLOSED);
    ck_assert_int_eq(a[1].rc, PROA_ECLOSED);
    t_turns(2); /* the one that ran comes back to nobody */
    return 0;
}
START_TEST(askers_of_a_freed_resolver_are_told)
{
    t_run(free_body, NULL);
}
END_TEST

/* The run ends while a look-up is still under way: the loop's resolver waits for its thread. */
static int leave_body(void *arg)
{
    struct asker a = {.host = "slow.test"};

    (void)arg;
    names_fresh();
    PROA_GROUP(g);
    ck_ok(proa_create_task(&g, ask_task, &a));
    t_turns(3);
    proa_group_cancel(&g);
    names_open_gate(1);
    return 0;
}
START_TEST(a_loop_can_end_during_a_look_up)
{
    t_run(leave_body, NULL);
}
END_TEST

/* ---- cancels and failing allocations everywhere */

static int all_body(void *arg)
{
    struct proa_addrs addrs = {0};
    int rc = proa_resolver_new(&resolver, arg);

    if (rc < 0)
        return rc;
    rc = proa_resolve(resolver, &addrs, "name.test", 80, 0);
    proa_addrs_fini(&addrs);
    if (rc == 0)
        rc = proa_resolve(resolver, &addrs, "name.test", 80, 0);
    proa_addrs_fini(&addrs);
    proa_resolver_free(resolver);
    resolver = NULL;
    return rc;
}
START_TEST(asking_survives_cancels_and_lack_of_memory)
{
    names_fresh();
    t_each_park(all_body, NULL);
    t_run_each_alloc(all_body, NULL);
}
END_TEST

static int list_body(void *arg)
{
    struct proa_addrs addrs = {0};
    struct proa_addr addr = {0};
    int rc = 0;

    (void)arg;
    for (int i = 0; i < 33 && rc == 0; i++) {
        addr.len = (socklen_t)i + 1;
        rc = proa_addrs_add(&addrs, &addr);
        ck_assert_uint_eq(addrs.n, (size_t)i + (rc == 0));
    }
    for (size_t i = 0; i < addrs.n; i++)
        ck_assert_uint_eq(addrs.a[i].len, i + 1);
    proa_addrs_fini(&addrs);
    proa_addrs_fini(&addrs);
    return rc;
}
START_TEST(a_list_of_addresses_grows)
{
    t_each_alloc(list_body, NULL);
}
END_TEST

int main(void)
{
    return t_main("resolve", (const TTest *const[]){
                                 a_name_has_its_addresses_in_order,
                                 numbers_are_not_looked_up,
                                 localhost_is_not_looked_up,
                                 localhost_survives_lack_of_memory,
                                 what_is_no_host_name_is_refused,
                                 failures_have_codes_and_name_the_host,
                                 an_answer_is_kept_for_ten_seconds,
                                 no_such_host_is_kept_for_a_second,
                                 keeping_times_are_options_with_a_bound,
                                 the_least_recently_used_name_goes_first,
                                 equal_look_ups_are_one_and_survive_a_cancel,
                                 a_look_up_goes_on_without_its_asker,
                                 look_ups_run_in_four_threads_at_most,
                                 askers_of_a_freed_resolver_are_told,
                                 a_loop_can_end_during_a_look_up,
                                 asking_survives_cancels_and_lack_of_memory,
                                 a_list_of_addresses_grows,
                                 NULL,
                             });
}
