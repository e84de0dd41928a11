#include "base/map.h"
#include "base/siphash.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S(literal) PROA_STR(literal)

/* Key 0, as CPython 3.11 hashes bytes with PYTHONHASHSEED=0; key 00..0f, as in Rust's own tests. */
START_TEST(siphash_is_siphash_1_3)
{
    static const struct {
        size_t n;
        uint64_t want;
    } cases[] = {
        {1, 0x68a914128e01e473},  {8, 0xead411e67ebe2eea},  {15, 0xf30eb725bb91c9ea},
        {16, 0x8972188433a5c5b7}, {63, 0x385d3e39e5f37359},
    };
    char bytes[63];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t got = proa__siphash((struct siphash_key){0, 0}, t_unreadable(bytes, cases[i].n),
                                     cases[i].n);
        ck_assert_msg(got == cases[i].want, "%zu bytes", cases[i].n);
    }
    struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    ck_assert(proa__siphash(key, "", 0) == 0xabac0158050fc4dc);
}
END_TEST

START_TEST(empty_map_has_nothing)
{
    struct map m = {0};
    size_t i = 0;

    ck_assert_ptr_null(proa__map_get(&m, S("a")));
    ck_assert_ptr_null(proa__map_remove(&m, S("a")));
    ck_assert_ptr_null(proa__map_next(&m, &i));
    ck_assert_uint_eq(t_alloc_count(), 0);
    proa__map_fini(&m);
}
END_TEST

START_TEST(put_get_replace_remove)
{
    struct map m;
    int a, b;
    void *old = &m;

    proa__map_init(&m);
    ck_ok(proa__map_put(&m, S("key"), &a, &old));
    ck_assert_ptr_null(old);
    ck_assert_ptr_eq(proa__map_get(&m, S("key")), &a);
    ck_assert_ptr_null(proa__map_get(&m, S("Key")));
    ck_assert_ptr_null(proa__map_get(&m, S("ke")));
    ck_assert_ptr_null(proa__map_get(&m, S("")));
    ck_ok(proa__map_put(&m, S(""), &b, NULL));
    ck_ok(proa__map_put(&m, S("key"), &b, &old));
    ck_assert_ptr_eq(old, &a);
    ck_assert_uint_eq(m.count, 2);
    ck_assert_ptr_eq(proa__map_remove(&m, S("key")), &b);
    ck_assert_ptr_null(proa__map_remove(&m, S("key")));
    ck_assert_ptr_eq(proa__map_get(&m, S("")), &b);
    ck_assert_uint_eq(m.count, 1);
    proa__map_fini(&m);
    ck_assert_uint_eq(t_alloc_blocks(), 0);
}
END_TEST

/* The new key of a replaced entry counts: the old one may be freed. */
START_TEST(replacing_changes_the_key_view)
{
    struct map m = {0};
    char *first = strdup("k");
    int a, b;

    ck_ok(proa__map_put(&m, proa_str_from(first), &a, NULL));
    ck_ok(proa__map_put(&m, S("k"), &b, NULL));
    free(first);
    ck_assert_ptr_eq(proa__map_get(&m, S("k")), &b);
    proa__map_fini(&m);
}
END_TEST

enum { KEYS = 400 };

static char keys[KEYS][8];

static struct proa_str key(size_t i)
{
    snprintf(keys[i], sizeof keys[i], "%zu", i);
    return proa_str_from(keys[i]);
}

/* Against a plain array, removing as often as putting, so that runs of neighbours are cut and
 * closed. */
START_TEST(random_traffic_agrees_with_an_array)
{
    struct t_random random = {(uint64_t)_i};
    static void *want[KEYS]; /* a forked child starts with zeroes */
    struct map m = {0};
    size_t count = 0;

    for (int step = 0; step < 20000; step++) {
        size_t i = t_random_below(&random, KEYS);
        if (t_random_below(&random, 2)) {
            void *old;
            ck_ok(proa__map_put(&m, key(i), &want[step % KEYS], &old));
            ck_assert_ptr_eq(old, want[i]);
            count += !old;
            want[i] = &want[step % KEYS];
        } else {
            ck_assert_ptr_eq(proa__map_remove(&m, key(i)), want[i]);
            count -= want[i] != NULL;
            want[i] = NULL;
        }
        ck_assert_uint_eq(m.count, count);
        ck_assert_uint_le(m.count, (m.mask + 1) / 4 * 3);
        if (step % 100 == 0)
            for (i = 0; i < KEYS; i++)
                ck_assert_ptr_eq(proa__map_get(&m, key(i)), want[i]);
    }
    proa__map_fini(&m);
}
END_TEST

START_TEST(walk_meets_each_entry_once)
{
    int seen[KEYS] = {0};
    struct map m = {0};
    struct map_entry *e;
    size_t i;

    for (i = 0; i < KEYS; i++)
        ck_ok(proa__map_put(&m, key(i), &seen[i], NULL));
    i = 0;
    while ((e = proa__map_next(&m, &i))) {
        int *at = e->value;
        ck_assert_int_eq(atoi(e->key.p), (int)(at - seen));
        ++*at;
    }
    for (i = 0; i < KEYS; i++)
        ck_assert_int_eq(seen[i], 1);
    proa__map_fini(&m);
}
END_TEST

static int fill(void *arg)
{
    struct map m = {0};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < 50 && rc == 0; i++) {
        rc = proa__map_put(&m, key(i), &m, NULL);
        ck_assert_uint_eq(m.count, rc < 0 ? i : i + 1);
        ck_assert_ptr_eq(proa__map_get(&m, key(i)), rc < 0 ? NULL : (void *)&m);
        ck_assert(i == 0 || proa__map_get(&m, key(i - 1)));
    }
    proa__map_fini(&m);
    return rc;
}
START_TEST(each_allocation_may_fail)
{
    t_each_alloc(fill, NULL);
}
END_TEST

START_TEST(replacing_and_removing_need_no_memory)
{
    struct map m = {0};

    for (size_t i = 0; i < 6; i++) /* as full as it may be */
        ck_ok(proa__map_put(&m, key(i), &m, NULL));
    t_alloc_fail_from(1);
    for (size_t i = 0; i < 6; i++)
        ck_ok(proa__map_put(&m, key(i), keys, NULL));
    ck_err(proa__map_put(&m, key(6), keys, NULL), PROA_ENOMEM);
    ck_assert_ptr_eq(proa__map_remove(&m, key(3)), keys);
    ck_ok(proa__map_put(&m, key(6), keys, NULL));
    proa__map_fini(&m);
}
END_TEST

START_TEST(hash_without_case_folds_letters_at_any_length)
{
    char lower[300], upper[300];

    for (size_t i = 0; i < sizeof lower; i++) {
        lower[i] = (char)('a' + i % 26);
        upper[i] = (char)('A' + i % 26);
    }
    for (size_t n = 0; n < sizeof lower; n++) {
        struct proa_str a = proa_str_make(lower, n), b = proa_str_make(upper, n);
        ck_assert(proa__hash_nocase(a) == proa__hash_nocase(b));
        ck_assert(n == 0 || proa__hash(a) != proa__hash(b));
        ck_assert(n == 0 || proa__hash_nocase(a) != proa__hash_nocase(proa_str_sub(a, 1, n)));
    }
    ck_assert(proa__hash_nocase(S("a@")) != proa__hash_nocase(S("a`")));
    upper[0] = 'x'; /* the first piece of a long one counts */
    ck_assert(proa__hash_nocase(proa_str_make(lower, 300)) !=
              proa__hash_nocase(proa_str_make(upper, 300)));
}
END_TEST

/* The key is drawn when it is first needed, so each forked child that hashes first has its own. */
START_TEST(seed_differs_between_processes)
{
    uint64_t hashes[2];

    for (int i = 0; i < 2; i++) {
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            uint64_t hash = proa__hash(S("key"));
            _exit(write(fds[1], &hash, sizeof hash) != sizeof hash);
        }
        ck_assert_int_eq(read(fds[0], &hashes[i], sizeof hashes[i]), sizeof hashes[i]);
        close(fds[0]);
        close(fds[1]);
    }
    ck_assert(hashes[0] != hashes[1]);
    ck_assert(proa__hash(S("key")) == proa__hash(S("key")));
}
END_TEST

int main(void)
{
    return t_main_tables(
        "map",
        (const TTest *const[]){
            siphash_is_siphash_1_3, empty_map_has_nothing, put_get_replace_remove,
            replacing_changes_the_key_view, walk_meets_each_entry_once, each_allocation_may_fail,
            replacing_and_removing_need_no_memory, hash_without_case_folds_letters_at_any_length,
            seed_differs_between_processes, NULL},
        (const struct t_table[]){{random_traffic_agrees_with_an_array, 4}, {NULL, 0}});
}
