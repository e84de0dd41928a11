#ifndef TESTS_NET_FILES_H
#define TESTS_NET_FILES_H

/*
 * files: regular files with known bytes, streams to send them over, and who looks at what comes.
 */

#include "support/test.h"

#include <proa/stream.h>

#include <stdint.h>

/* The byte at an offset of every file made here. */
uint8_t t_byte(int64_t at);

/* An unlinked file of n bytes, open for reading and writing, at its beginning. */
int t_file_fd(int64_t n);

/* The path of a new file of n bytes in a new directory of the test's. Valid until: the next call.
 */
const char *t_file_path(int64_t n);

/* Remove it and its directory, which must have nothing else in it. */
void t_file_remove(void);

/* Does the file system tell what the page cache has (RWF_NOWAIT)? */
bool t_file_tells(int fd);

enum { WAY_PAIR, WAY_TCP, WAY_UNIX, WAY_PIPE, WAYS };

/* A stream to write to, and its other end. */
void t_way(int way, struct proa_stream **ret_near, struct proa_stream **ret_far);

/* A task: reads to the end, or an error, and compares with the file's bytes. */
struct t_reader {
    struct proa_stream *s;
    int64_t at;    /* of the byte that comes next */
    int64_t stop;  /* read no further than this; 0: to the end */
    int64_t n;     /* read so far */
    int64_t wrong; /* bytes that are not the file's */
    int rc;
};
int t_reader(void *reader);

#endif
