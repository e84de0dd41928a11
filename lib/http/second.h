#ifndef HTTP_SECOND_H
#define HTTP_SECOND_H

/*
 * second: llhttp's opinion on a head that our scanner has accepted.
 *
 * It reads the start line and the fields that may frame a body for it; to read all of a browser's
 * head it needs as many instructions as the rest of the request together. Lines are unambiguous by
 * then: each ends in the only CR LF it has. If llhttp refuses the head or finds another method,
 * status, version, length or framing than we did, one of the two is wrong and the message is
 * refused.
 *
 * The only file that includes llhttp.h is second.c. No callback but headers-complete, no state
 * between heads, no body byte, no lenient flag.
 * Floor: http.
 */

#include <proa/str.h>

struct http_scanner;

/* `head` is the whole head where it stands for good. 0, or PROA_EHTTPFRAMING. */
int proa__http_second_opinion(struct http_scanner *s, struct proa_str head);

#endif
