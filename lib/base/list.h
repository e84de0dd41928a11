#ifndef BASE_LIST_H
#define BASE_LIST_H

/*
 * list: doubly linked, circular, its links inside the things it holds.
 *
 *   head <-> first <-> ... <-> last <-> head        an empty head points at itself
 *
 * A member that is in no list points at itself too (list_init), so removing it twice is harmless
 * and list_linked can be asked. Nothing allocates; nothing fails.
 *
 * Floor: base.
 */

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_INIT(head)                                                                            \
    {                                                                                              \
        &(head), &(head)                                                                           \
    }

/* The struct `type` whose `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Each link of the list, oldest first; the body must not remove `it`. */
#define LIST_FOR_EACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The same, and the body may remove and free `it`, but no other. */
#define LIST_FOR_EACH_SAFE(it, head)                                                               \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Is this member in a list? Only of one that list_init has seen. */
static inline bool list_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_insert_before(struct list *at, struct list *link)
{
    link->next = at;
    link->prev = at->prev;
    at->prev->next = link;
    at->prev = link;
}

static inline void list_push(struct list *head, struct list *link)
{
    list_insert_before(head, link);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert_before(head->next, link);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* NULL when the list is empty. */
static inline struct list *list_first(const struct list *head)
{
    return list_empty(head) ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
    return list_empty(head) ? NULL : head->prev;
}

/* Take the oldest out; NULL when the list is empty. */
static inline struct list *list_pop(struct list *head)
{
    struct list *link = list_first(head);

    if (link)
        list_remove(link);
    return link;
}

/* Move all of `from` behind the last of `head`; `from` is then empty. */
static inline void list_splice(struct list *head, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}

/* How many; walks the list. */
static inline size_t list_count(const struct list *head)
{
    size_t n = 0;

    LIST_FOR_EACH (it, head)
        n++;
    return n;
}

#endif
