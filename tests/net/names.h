#ifndef NET_NAMES_H
#define NET_NAMES_H

/*
 * names: the system's resolver, replaced for the length of a test program that is linked with it.
 *
 * none.test, nodata.test, again.test, broken.test, memory.test fail as they are called; odd.test
 * has no IP address; four.test has IPv4 only; here.test is 127.0.0.1 three times and one address
 * that is not this machine's; names that begin with "slow" wait at the gate; all others have one
 * IPv6 and two IPv4 addresses. Of addresses, 10.0.0.1 and 2001:db8::1 are one.test, 10.0.0.2 asks
 * to come again, 10.0.0.3 has too long a name, and all others have none.
 */

#include <stdatomic.h>

extern atomic_int names_calls; /* look-ups begun */
extern atomic_int names_most;  /* under way at one moment */

/* Forget what was counted, and close the gate. */
void names_fresh(void);

/* Let n slow look-ups through. */
void names_open_gate(int n);

#endif
