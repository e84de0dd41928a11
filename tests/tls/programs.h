#ifndef TESTS_TLS_PROGRAMS_H
#define TESTS_TLS_PROGRAMS_H

/*
 * programs: other people's programs as the other end.
 */

#include <stdbool.h>
#include <sys/types.h>

/* Run a program with these words, ended by NULL; what it reads and what it writes are files. */
pid_t t_program(const char *const *words, const char *in, const char *out);

/* Wait for its end, and return its status. */
int t_program_end(pid_t pid);

/* Is there such a program? Runs it with the word `asking`. */
bool t_program_is_there(const char *name, const char *asking);

bool t_file_says(const char *path, const char *words);

/* The port that a program tells, once it listens, in a line "ACCEPT ADDRESS:PORT" of its output. */
int t_program_port(const char *out);

#endif
