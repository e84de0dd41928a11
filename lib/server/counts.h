#ifndef SERVER_COUNTS_H
#define SERVER_COUNTS_H

/*
 * counts: what every server counts, under one set of names for all servers of the program.
 *
 * A request is counted when its head is complete or refused, its response when it has been written
 * or held for the next write: requests = responses of 2xx to 5xx + cut + those being handled.
 *
 * Floor: server.
 */

#include <proa/counters.h>

/* X(name, kind, text) */
#define SERVER_COUNTS(X)                                                                           \
    X(ACCEPTED, counter, "server_connections_accepted")                                            \
    X(OPEN, gauge, "server_connections_open")                                                      \
    X(REQUESTS, counter, "server_requests")                                                        \
    X(1XX, counter, "server_responses_1xx")                                                        \
    X(2XX, counter, "server_responses_2xx")                                                        \
    X(3XX, counter, "server_responses_3xx")                                                        \
    X(4XX, counter, "server_responses_4xx")                                                        \
    X(5XX, counter, "server_responses_5xx")                                                        \
    X(CUT, counter, "server_responses_cut")                                                        \
    X(BYTES_IN, counter, "server_bytes_in")                                                        \
    X(BYTES_OUT, counter, "server_bytes_out")                                                      \
    X(MALFORMED, counter, "server_requests_malformed")                                             \
    X(TARGET, counter, "server_limit_target")                                                      \
    X(HEAD, counter, "server_limit_head")                                                          \
    X(BODY, counter, "server_limit_body")                                                          \
    X(CONNECTIONS, counter, "server_limit_connections")                                            \
    X(PER_ADDRESS, counter, "server_limit_per_address")                                            \
    X(PER_CONNECTION, counter, "server_limit_requests")                                            \
    X(HEAD_TIME, counter, "server_limit_head_time")                                                \
    X(BODY_TIME, counter, "server_limit_body_time")                                                \
    X(BODY_RATE, counter, "server_limit_body_rate")                                                \
    X(WRITE_TIME, counter, "server_limit_write_time")                                              \
    X(IDLE_TIME, counter, "server_limit_idle_time")                                                \
    X(TLS_TIME, counter, "server_limit_tls_time")

#define SERVER_COUNT_NAME(name, kind, text) COUNT_##name,
enum server_count { SERVER_COUNTS(SERVER_COUNT_NAME) SERVER_COUNTS_N };
#undef SERVER_COUNT_NAME

/* Find or make them all: ret[which] is a counter's handle. PROA_ENOSPC, PROA_ENOMEM. */
int proa__server_counts(int ret[SERVER_COUNTS_N]);

/* The one for a final status; and the one for a code that a request was refused for. */
enum server_count proa__server_count_of_status(int status);
enum server_count proa__server_count_of_refusal(int rc);

#endif
