#ifndef BASE_UTF8_H
#define BASE_UTF8_H

/*
 * utf8: is this text UTF-8 (RFC 3629)?
 *
 * No overlong forms, no surrogates, nothing beyond U+10FFFF: what other programs may read as a
 * different text is none.
 * Floor: base.
 */

#include <proa/str.h>

#include <stdbool.h>

bool proa__utf8_valid(struct proa_str text);

#endif
