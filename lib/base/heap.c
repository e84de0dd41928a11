#include "base/heap.h"

#include "base/check.h"

#include <string.h>

void proa__heap_init(struct heap *h)
{
    memset(h, 0, sizeof *h);
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

static void place(struct heap_node **at, struct heap_node *node)
{
    *at = node;
    if (node)
        node->at = at;
}

/* Make the later of two roots the first child of the other. The caller says where the other goes.
 */
static struct heap_node *join(struct heap_node *a, struct heap_node *b)
{
    struct heap_node *top = before(a, b) ? a : b;
    struct heap_node *under = top == a ? b : a;

    place(&under->next, top->child);
    place(&top->child, under);
    return top;
}

/* One tree of a row of siblings: joined in pairs from the left, then the pairs from the right,
 * which is what keeps the trees flat. */
static struct heap_node *join_all(struct heap_node *row)
{
    struct heap_node *pairs = NULL;
    struct heap_node *top = NULL;

    while (row) {
        struct heap_node *a = row;
        struct heap_node *b = a->next;
        row = b ? b->next : NULL;
        a = b ? join(a, b) : a;
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct heap_node *next = pairs->next;
        top = top ? join(top, pairs) : pairs;
        pairs = next;
    }
    return top;
}

void proa__heap_insert(struct heap *h, struct heap_node *node, int64_t key)
{
    proa__heap_insert_as(h, node, key, h->seq++);
}

void proa__heap_insert_as(struct heap *h, struct heap_node *node, int64_t key, uint64_t seq)
{
    struct heap_node *tree = node;
    unsigned i = 0;

    PROA_CHECK(!heap_linked(node), "a heap node was inserted twice");
    node->child = NULL;
    node->next = NULL;
    node->key = key;
    node->seq = seq;
    if (h->count++ == 0 || (h->min && before(node, h->min)))
        h->min = node;

    while (h->trees[i]) { /* as adding one to a binary number */
        tree = join(tree, h->trees[i]);
        h->trees[i] = NULL;
        if (i < HEAP_TREES - 1)
            i++;
    }
    tree->next = NULL;
    place(&h->trees[i], tree);
    if (i >= h->used)
        h->used = i + 1;
}

void proa__heap_remove(struct heap *h, struct heap_node *node)
{
    struct heap_node *rest;

    PROA_CHECK(heap_linked(node), "a node was removed from a heap that it is not in");
    rest = node->child ? join_all(node->child) : node->next;
    if (node->child)
        place(&rest->next, node->next);
    place(node->at, rest);
    node->at = NULL;
    h->count--;
    if (h->min == node)
        h->min = NULL;
    while (h->used && !h->trees[h->used - 1])
        h->used--;
}

struct heap_node *proa__heap_first(struct heap *h)
{
    if (h->min)
        return h->min;
    for (unsigned i = 0; i < h->used; i++)
        if (h->trees[i] && (!h->min || before(h->trees[i], h->min)))
            h->min = h->trees[i];
    return h->min;
}
