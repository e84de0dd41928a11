#ifndef NET_DESCRIBED_H
#define NET_DESCRIBED_H

/*
 * described: what an object is, in these words and no others, however little room there is.
 */

#include "support/test.h"

/* A public call, proa_X_describe, with its object as what it is not. */
typedef int describe_any(const void *object, char *buf, size_t n);

/* It is "noun 0x55d1c0" and the rest; cut where a buffer ends, and in one that is just enough not.
 */
void is_described(describe_any *describe, const void *object, const char *noun, const char *rest);

/* A task waits for the object in this call, and shows these words of it. */
void is_waited_for(const char *call, const void *object, const char *rest);

/* From another thread: for bodies that this must abort. */
int describe_elsewhere(describe_any *describe, const void *object);

/* It stops the program if the object is NULL or dead memory, with such sentences. */
void stops_of_misuse(describe_any *describe, const char *freed, const char *null);

#endif
