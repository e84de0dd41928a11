#include "core/loop.h"
#include "core/task.h"
#include "core/wait.h"

/*
 * The thread's own stack as a service to tasks. While a task runs, loop->main stands in
 * proa__loop_enter, whoever else ran since; so a task that wants something done there leaves a
 * note, switches to main, and is continued by it.
 */
void proa__loop_enter(struct proa_loop *loop, struct coro *co)
{
    proa__coro_switch(&loop->main, co);
    while (loop->big_fn) {
        loop_fn *fn = loop->big_fn;

        loop->big_fn = NULL;
        fn(loop->big_arg);
        co = loop->big_from;
        loop->big_from = NULL;
        proa__coro_switch(&loop->main, co);
    }
}

void proa__on_loop_stack(loop_fn *fn, void *arg)
{
    struct proa_loop *loop = proa__loop_here;
    struct proa_task *task = proa__task_here;

    if (!task || loop->big_from) { /* a callback, or already there */
        fn(arg);
        return;
    }
    proa__forbid_suspend();
    loop->big_fn = fn;
    loop->big_arg = arg;
    loop->big_from = &task->coro;
    proa__coro_switch(&task->coro, &loop->main);
    proa__allow_suspend();
}

struct call {
    proa_task_fn *fn;
    void *arg;
    int rc;
};

static void run_call(void *arg)
{
    struct call *call = arg;

    call->rc = call->fn(call->arg);
}

int proa_call_on_big_stack(proa_task_fn *fn, void *arg)
{
    struct call call = {.fn = fn, .arg = arg};

    proa__on_loop_stack(run_call, &call);
    return call.rc;
}
