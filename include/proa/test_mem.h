#ifndef PROA_TEST_MEM_H
#define PROA_TEST_MEM_H

/*
 * test_mem: an allocator for tests. It counts what proa takes, can let it run out of memory, hands
 * out memory full of garbage, fills with garbage what is freed and moves a block at each realloc,
 * so that nothing works by luck.
 */

#include <proa/defs.h>

PROA_BEGIN_DECLS

/**
 * Put this allocator under proa (proa_mem_set): first of all in a test program's main.
 *
 * proa_test_run then looks for memory that was not freed. proa_test_main does this by itself.
 *
 * Errors:       PROA_EBUSY (proa has already allocated).
 */
PROA_API int proa_test_mem_use(void);

/**
 * Bytes that are allocated now; 0 if this allocator is not used.
 */
PROA_API size_t proa_test_mem_bytes(void);

/**
 * Blocks that are allocated now.
 */
PROA_API size_t proa_test_mem_blocks(void);

/**
 * Allocations that were asked for since the program began.
 */
PROA_API uint64_t proa_test_mem_count(void);

/**
 * Fail the n-th allocation from now, 1 being the next one, and only that; 0: none.
 */
PROA_API void proa_test_mem_fail(uint64_t n);

/**
 * Fail the n-th allocation from now and all after it; 0: none.
 */
PROA_API void proa_test_mem_fail_from(uint64_t n);

/**
 * Say whether the failure that was ordered has happened.
 */
PROA_API bool proa_test_mem_failed(void);

PROA_END_DECLS

#endif
