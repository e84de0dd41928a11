#ifndef HTTP_SECOND_H
#define HTTP_SECOND_H

/*
 * second: llhttp's opinion on a head that our scanner has accepted.
 *
 * It reads the start line and every field that it may act upon (docs/http.md has the measurement:
 * all fields would cost as much again as everything else). Lines are unambiguous by then: each ends
 * in the only CR LF it has. If llhttp refuses the head or finds another method, status, version,
 * length or framing than we did, one of the two is wrong and the message is refused. The connection
 * is kept only if both would.
 *
 * The only file that includes llhttp.h is second.c. No callback but headers-complete, no state
 * between heads, no body byte, no lenient flag.
 * Floor: http.
 */

#include <proa/str.h>

struct http_scanner;

/* `head` is the whole head where it stands for good. 0, PROA_EHTTPFRAMING; takes keep_alive back
 * where llhttp says so. */
int proa__http_second_opinion(struct http_scanner *s, struct proa_str head);

#endif
