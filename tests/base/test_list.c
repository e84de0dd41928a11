#include "base/list.h"
#include "support/test.h"

#include <string.h>

struct item {
    int number;
    struct list link;
};

/* The numbers of a list, forwards; checks that they are the same backwards. */
static const char *numbers(const struct list *head)
{
    static char text[64];
    size_t n = 0;

    for (const struct list *it = head->next; it != head; it = it->next)
        text[n++] = (char)('0' + CONTAINER_OF(it, struct item, link)->number);
    text[n] = '\0';
    for (const struct list *it = head->prev; it != head; it = it->prev)
        ck_assert_int_eq(text[--n], '0' + CONTAINER_OF(it, struct item, link)->number);
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(list_count(head), strlen(text));
    return text;
}

static struct item items[10];

static void setup(struct list *head, int n)
{
    list_init(head);
    for (int i = 0; i < 10; i++) {
        items[i].number = i;
        list_init(&items[i].link);
        if (i < n)
            list_push(head, &items[i].link);
    }
}

START_TEST(empty_list_has_nothing)
{
    struct list head = LIST_INIT(head);

    ck_assert(list_empty(&head));
    ck_assert_ptr_null(list_first(&head));
    ck_assert_ptr_null(list_last(&head));
    ck_assert_ptr_null(list_pop(&head));
    ck_assert_str_eq(numbers(&head), "");
}
END_TEST

START_TEST(push_goes_last_and_push_front_first)
{
    struct list head;

    setup(&head, 3);
    list_push_front(&head, &items[7].link);
    ck_assert_str_eq(numbers(&head), "7012");
    list_insert_before(&items[1].link, &items[8].link);
    ck_assert_str_eq(numbers(&head), "70812");
    ck_assert_ptr_eq(list_first(&head), &items[7].link);
    ck_assert_ptr_eq(list_last(&head), &items[2].link);
}
END_TEST

START_TEST(remove_unlinks_and_twice_is_harmless)
{
    struct list head;

    setup(&head, 3);
    ck_assert(list_linked(&items[1].link));
    list_remove(&items[1].link);
    ck_assert(!list_linked(&items[1].link));
    list_remove(&items[1].link);
    ck_assert_str_eq(numbers(&head), "02");
    list_remove(&items[0].link);
    list_remove(&items[2].link);
    ck_assert(list_empty(&head));
}
END_TEST

START_TEST(pop_takes_the_oldest)
{
    struct list head;

    setup(&head, 2);
    ck_assert_ptr_eq(list_pop(&head), &items[0].link);
    ck_assert(!list_linked(&items[0].link));
    ck_assert_ptr_eq(list_pop(&head), &items[1].link);
    ck_assert_ptr_null(list_pop(&head));
}
END_TEST

START_TEST(splice_moves_all_behind_the_last)
{
    struct list head, other = LIST_INIT(other);

    setup(&head, 2);
    list_splice(&head, &other);
    ck_assert_str_eq(numbers(&head), "01");
    list_push(&other, &items[5].link);
    list_push(&other, &items[6].link);
    list_splice(&head, &other);
    ck_assert_str_eq(numbers(&head), "0156");
    ck_assert_str_eq(numbers(&other), "");
    list_splice(&other, &head);
    ck_assert_str_eq(numbers(&other), "0156");
    ck_assert_str_eq(numbers(&head), "");
}
END_TEST

START_TEST(safe_walk_may_remove_where_it_is)
{
    struct list head;

    setup(&head, 5);
    LIST_FOR_EACH_SAFE (it, &head)
        if (CONTAINER_OF(it, struct item, link)->number % 2 == 0) {
            list_remove(it);
            memset(it, 0xff, sizeof *it); /* as if freed */
        }
    ck_assert_str_eq(numbers(&head), "13");
}
END_TEST

int main(void)
{
    return t_main(
        "list", (const TTest *const[]){empty_list_has_nothing, push_goes_last_and_push_front_first,
                                       remove_unlinks_and_twice_is_harmless, pop_takes_the_oldest,
                                       splice_moves_all_behind_the_last,
                                       safe_walk_may_remove_where_it_is, NULL});
}
