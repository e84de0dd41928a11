#include "base/heap.h"
#include "base/list.h"
#include "support/test.h"

#include <stdlib.h>

struct item {
    struct heap_node node;
    int number;
};

static struct item items[4096];

static int pop(struct heap *h)
{
    struct heap_node *first = proa__heap_first(h);

    proa__heap_remove(h, first);
    return CONTAINER_OF(first, struct item, node)->number;
}

static void insert(struct heap *h, int number, int64_t key)
{
    items[number].number = number;
    proa__heap_insert(h, &items[number].node, key);
}

/* The order of the tree, its links and its size. */
static size_t check_row(struct heap_node **at, const struct heap_node *parent)
{
    size_t n = 0;

    for (; *at; at = &(*at)->next) {
        ck_assert_ptr_eq((*at)->at, at);
        if (parent)
            ck_assert(parent->key < (*at)->key ||
                      (parent->key == (*at)->key && parent->seq < (*at)->seq));
        n += 1 + check_row(&(*at)->child, *at);
    }
    return n;
}

static void check(struct heap *h)
{
    size_t n = 0;

    for (unsigned i = 0; i < HEAP_TREES; i++) {
        ck_assert(i < h->used || !h->trees[i]);
        ck_assert(!h->trees[i] || !h->trees[i]->next);
        n += check_row(&h->trees[i], NULL);
    }
    ck_assert_uint_eq(n, h->count);
    ck_assert_int_eq(heap_empty(h), n == 0);
}

START_TEST(empty_heap_has_no_first)
{
    struct heap h;

    proa__heap_init(&h);
    ck_assert_ptr_null(proa__heap_first(&h));
    ck_assert(heap_empty(&h));
    insert(&h, 0, 5);
    pop(&h);
    ck_assert_ptr_null(proa__heap_first(&h));
    check(&h);
}
END_TEST

START_TEST(keys_leave_in_order_to_the_ends_of_their_type)
{
    struct heap h;

    proa__heap_init(&h);
    insert(&h, 0, INT64_MAX);
    insert(&h, 1, 0);
    insert(&h, 2, INT64_MIN);
    insert(&h, 3, -1);
    ck_assert_int_eq(pop(&h), 2);
    ck_assert_int_eq(pop(&h), 3);
    ck_assert_int_eq(pop(&h), 1);
    ck_assert_int_eq(pop(&h), 0);
}
END_TEST

START_TEST(equal_keys_leave_in_order_of_arrival)
{
    struct heap h;

    proa__heap_init(&h);
    for (int i = 0; i < 1000; i++)
        insert(&h, i, i % 3);
    for (int key = 0; key < 3; key++)
        for (int i = key; i < 1000; i += 3)
            ck_assert_int_eq(pop(&h), i);
    ck_assert(heap_empty(&h));
}
END_TEST

START_TEST(one_that_comes_again_is_the_youngest)
{
    struct heap h;

    proa__heap_init(&h);
    for (int i = 0; i < 10; i++)
        insert(&h, i, 7);
    proa__heap_remove(&h, &items[3].node);
    ck_assert(!heap_linked(&items[3].node));
    insert(&h, 3, 7);
    ck_assert(heap_linked(&items[3].node));
    for (int i = 0; i < 10; i++)
        if (i != 3)
            ck_assert_int_eq(pop(&h), i);
    ck_assert_int_eq(pop(&h), 3);
}
END_TEST

START_TEST(first_is_right_after_each_removal)
{
    struct heap h;

    proa__heap_init(&h);
    for (int i = 0; i < 100; i++)
        insert(&h, i, 100 - i);
    for (int i = 99; i > 0; i--) {
        ck_assert_ptr_eq(proa__heap_first(&h), &items[i].node);
        proa__heap_remove(&h, &items[i].node);
        check(&h);
    }
    ck_assert_ptr_eq(proa__heap_first(&h), &items[0].node);
}
END_TEST

/* Against a plain array, for every kind of traffic: `_i` says how often to remove. */
START_TEST(random_traffic_agrees_with_a_search)
{
    struct t_random random = {(uint64_t)_i};
    struct heap h;
    bool in[512] = {false};
    size_t count = 0;

    proa__heap_init(&h);
    for (int step = 0; step < 4000; step++) {
        size_t i = t_random_below(&random, 512);
        if (t_random_below(&random, 10) < (uint64_t)_i) {
            i = in[i] ? i : 512;
        } else if (!in[i]) {
            insert(&h, (int)i, (int64_t)t_random_below(&random, 50) - 25);
            in[i] = true;
            count++;
            i = 512;
        }
        if (i < 512 && in[i]) {
            proa__heap_remove(&h, &items[i].node);
            in[i] = false;
            count--;
        }
        const struct heap_node *want = NULL;
        for (size_t k = 0; k < 512; k++)
            if (in[k] && (!want || items[k].node.key < want->key ||
                          (items[k].node.key == want->key && items[k].node.seq < want->seq)))
                want = &items[k].node;
        ck_assert_ptr_eq(proa__heap_first(&h), want);
        ck_assert_uint_eq(h.count, count);
        if (step % 64 == 0)
            check(&h);
    }
}
END_TEST

/* So many insertions over a life that the last place is reached, as if 2^47 had happened. */
START_TEST(last_place_takes_all_carries)
{
    struct heap h;

    proa__heap_init(&h);
    insert(&h, 0, 50);
    h.trees[HEAP_TREES - 1] = h.trees[0];
    h.trees[HEAP_TREES - 1]->at = &h.trees[HEAP_TREES - 1];
    h.trees[0] = NULL;
    h.used = HEAP_TREES;
    for (unsigned i = 0; i < HEAP_TREES - 1; i++) { /* one in each: the next carries through all */
        items[1 + i].number = 1 + (int)i;
        items[1 + i].node = (struct heap_node){.key = 100 + i, .at = &h.trees[i], .seq = 1 + i};
        h.trees[i] = &items[1 + i].node;
        h.count++;
    }
    check(&h);
    insert(&h, 60, 99);
    check(&h);
    ck_assert_uint_eq(h.used, HEAP_TREES);
    ck_assert_ptr_nonnull(h.trees[HEAP_TREES - 1]);
    ck_assert_int_eq(pop(&h), 0);
    ck_assert_int_eq(pop(&h), 60);
    for (int i = 1; i < HEAP_TREES; i++)
        ck_assert_int_eq(pop(&h), i);
    check(&h);
}
END_TEST

/* Cancelling leaves no work behind: the heap of a long life is as small as what it holds. */
START_TEST(arm_and_cancel_leaves_nothing)
{
    struct heap h;

    proa__heap_init(&h);
    insert(&h, 0, 1000000);
    for (int i = 0; i < 100000; i++) {
        insert(&h, 1, i);
        proa__heap_remove(&h, &items[1].node);
    }
    ck_assert_uint_le(h.used, 2);
    ck_assert_ptr_eq(proa__heap_first(&h), &items[0].node);
    proa__heap_remove(&h, &items[0].node);
    ck_assert_uint_eq(h.used, 0);
}
END_TEST

static void insert_twice(void *arg)
{
    proa__heap_insert(arg, &items[0].node, 1);
}
static void remove_absent(void *arg)
{
    proa__heap_remove(arg, &items[1].node);
}
START_TEST(misuse_aborts)
{
    struct heap h;

    proa__heap_init(&h);
    insert(&h, 0, 1);
    t_aborts(insert_twice, &h, "inserted twice");
    t_aborts(remove_absent, &h, "not in");
}
END_TEST

int main(void)
{
    return t_main_tables(
        "heap",
        (const TTest *const[]){
            empty_heap_has_no_first, keys_leave_in_order_to_the_ends_of_their_type,
            equal_keys_leave_in_order_of_arrival, one_that_comes_again_is_the_youngest,
            first_is_right_after_each_removal, last_place_takes_all_carries,
            arm_and_cancel_leaves_nothing, misuse_aborts, NULL},
        (const struct t_table[]){{random_traffic_agrees_with_a_search, 10}, {NULL, 0}});
}
