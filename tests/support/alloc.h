#ifndef SUPPORT_ALLOC_H
#define SUPPORT_ALLOC_H

/*
 * alloc: what t_main needs of the tests' allocator; the rest is in test.h.
 */

/* Put the allocator under proa; before proa allocates. */
void t_alloc_install(void);

/* Fail the running test if more is allocated than t_alloc_forgive last saw. */
void t_alloc_check_leaks(void);

#endif
