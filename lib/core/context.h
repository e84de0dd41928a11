#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

/*
 * context: the values of a task, as a list that its children share until somebody writes.
 *
 *   task A --> [user=x] --> [trace=1] <-- task B          B was created before A set user
 *
 * Nodes are counted. To set a value a task changes those nodes that it alone has, from the head of
 * its list on; before the first shared one it puts a new node, which hides older ones of its key.
 * So creating a task costs one count, or nothing while no values are set; and a list is as long as
 * there are keys, and writes between creations of tasks that still live.
 *
 * Floor: core.
 */

#include <proa/context.h>

struct context_node;

/* The same list, counted once more. NULL stays NULL. */
struct context_node *proa__context_share(struct context_node *head);

/* One less; values that nobody has any more are freed. */
void proa__context_drop(struct context_node *head);

struct proa_context *proa__context_ref(struct proa_context *context);

/* The values that the running task has now, counted once more; nobody changes them. */
struct context_node *proa__context_here(void);

/* In a thread without tasks: what proa_context_get finds, until told otherwise. The lender keeps
 * it. */
void proa__context_lend(const struct context_node *head);

/* The values of a shared context. */
struct context_node **proa__context_head(struct proa_context *context);

#endif
