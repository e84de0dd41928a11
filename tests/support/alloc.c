#include "support/alloc.h"

#include "base/test_mem.h"
#include "support/test.h"

#include <stdlib.h>

static size_t forgiven_bytes, forgiven_blocks;

void t_alloc_install(void)
{
    if (proa_test_mem_use() < 0)
        abort(); /* something of proa ran before main */
}

void t_alloc_forgive(void)
{
    forgiven_bytes = t_alloc_bytes();
    forgiven_blocks = t_alloc_blocks();
}

void t_alloc_check_leaks(void)
{
    ck_assert_msg(t_alloc_blocks() <= forgiven_blocks && t_alloc_bytes() <= forgiven_bytes,
                  "the test left %zu blocks, %zu bytes allocated",
                  t_alloc_blocks() - forgiven_blocks, t_alloc_bytes() - forgiven_bytes);
}

void t_each_alloc(t_body_fn *body, void *arg)
{
    ck_ok(proa__test_mem_each(body, arg));
}
