#include "core/context.h"

#include "base/check.h"
#include "base/mem.h"
#include "core/task.h"

#include <proa/err.h>

#define MAGIC_CONTEXT 0x63747874u

struct context_node {
    struct context_node *next;
    size_t refs; /* nodes, tasks and contexts that point here */
    const struct proa_context_key *key;
    void *value;
};

struct proa_context {
    unsigned magic;
    size_t refs; /* the program's, and tasks */
    struct context_node *head;
};

/* ---- lists */

struct context_node *proa__context_share(struct context_node *head)
{
    if (head)
        head->refs++;
    return head;
}

static void free_value(const struct proa_context_key *key, void *value)
{
    if (value && key->free)
        key->free(value);
}

void proa__context_drop(struct context_node *head)
{
    while (head && --head->refs == 0) {
        struct context_node *next = head->next;

        free_value(head->key, head->value);
        proa__free(head);
        head = next;
    }
}

/* Take the nodes of `key` out of the part of the list that nobody shares. */
static void forget(struct context_node **at, const struct proa_context_key *key)
{
    while (*at && (*at)->refs == 1) {
        struct context_node *node = *at;

        if (node->key != key) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        free_value(node->key, node->value);
        proa__free(node);
    }
}

static int set(struct context_node **head, const struct proa_context_key *key, void *value)
{
    struct context_node *node = proa__alloc(sizeof *node);

    if (!node)
        return PROA_ENOMEM;
    forget(head, key);
    *node = (struct context_node){.next = *head, .refs = 1, .key = key, .value = value};
    *head = node;
    return 0;
}

/* ---- lent to a thread */

static _Thread_local const struct context_node *lent;

void proa__context_lend(const struct context_node *head)
{
    lent = head;
}

/* ---- of tasks */

static struct context_node **head_of(struct task_more *more)
{
    return more->context ? &more->context->head : &more->values;
}

struct context_node *proa__context_here(void)
{
    struct proa_task *t = proa__task_here;

    return t && t->more ? proa__context_share(*head_of(t->more)) : NULL;
}

int proa_context_set(const struct proa_context_key *key, void *value)
{
    struct task_more *more;

    PROA_CHECK(proa__task_here, "proa_context_set: no task runs here");
    more = proa__task_more(proa__task_here);
    return more ? set(head_of(more), key, value) : PROA_ENOMEM;
}

void *proa_context_get(const struct proa_context_key *key)
{
    struct proa_task *t = proa__task_here;
    const struct context_node *node = lent;

    if (t)
        node = t->more ? *head_of(t->more) : NULL;
    for (; node; node = node->next)
        if (node->key == key)
            return node->value;
    return NULL;
}

/* ---- shared ones */

int proa_context_new(struct proa_context **ret)
{
    struct proa_context *context = proa__alloc(sizeof *context);

    if (!context)
        return PROA_ENOMEM;
    *context = (struct proa_context){
        .magic = MAGIC_CONTEXT,
        .refs = 1,
        .head = proa__context_here(),
    };
    *ret = context;
    return 0;
}

struct proa_context *proa__context_ref(struct proa_context *context)
{
    if (!context)
        return NULL;
    PROA_CHECK_OBJ(context, MAGIC_CONTEXT);
    context->refs++;
    return context;
}

struct context_node **proa__context_head(struct proa_context *context)
{
    return &context->head;
}

void proa_context_free(struct proa_context *context)
{
    if (!context)
        return;
    PROA_CHECK_OBJ(context, MAGIC_CONTEXT);
    if (--context->refs > 0)
        return;
    proa__context_drop(context->head);
    context->magic = 0;
    proa__free(context);
}
