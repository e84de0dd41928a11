#ifndef FUZZ_HTTP_STREAM_H
#define FUZZ_HTTP_STREAM_H

/*
 * http_stream: a stream of messages through the parser, cut in three ways that must not show.
 */

#include "http/parser.h"

void fuzz_http_stream(const char *bytes, size_t n, bool response, struct http_asked asked);

#endif
