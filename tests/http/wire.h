#ifndef TEST_HTTP_WIRE_H
#define TEST_HTTP_WIRE_H

/*
 * wire: the cases of the files wire/NAME.case: bytes in, a transcript out.
 *
 *     case NAME words
 *     side response [head] [connect] [upgrade]     (without this line: request)
 *     eof                                          (the input ends)
 *     fields                                       (the transcript lists them)
 *     in GET / HTTP/1.1\r\n                        (\r \n \t \0 \\ \xNN; {N*text} repeats;
 *                                                   lines are joined)
 *     out head GET / HTTP/1.1 close
 *     out more
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { WIRE_CASES_MAX = 1000 };

struct wire_case {
    char name[200];
    char file[40];
    int line;
    bool response; /* of a response; it answers HEAD, CONNECT, an upgrade: */
    bool to_head;
    bool to_connect;
    bool to_upgrade;
    bool eof;
    bool fields;
    char *in;
    size_t in_n;
    char *out; /* a C string: lines */
    size_t out_n;
    FILE *in_file; /* while it is read: plain memory, for proa allocates nothing before main */
    FILE *out_file;
};

extern struct wire_case wire_cases[WIRE_CASES_MAX];
extern int wire_n_cases;

/* Read all of them, from below $top_srcdir. A bad line ends the program. */
void wire_read(void);

#endif
