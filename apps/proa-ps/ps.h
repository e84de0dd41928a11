#ifndef APPS_PS_H
#define APPS_PS_H

/*
 * proa-ps: what the tasks of a running process wait for.
 *
 * find.c knows where processes listen, ask.c gets one loop's answer, show.c makes lines of it.
 */

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NAME_MAX_PS 32

/* A socket that a process listens at. */
struct place {
    char dir[256];
    char name[NAME_MAX_PS]; /* "PID" or "PID-LOOP" */
    uid_t uid;              /* whose directory it is */
    int pid;
    int loop;
};

/* Call fn for each place of `pid` (0: of every process) in the directories of user `uid`, by
 * number. Returns how many there were. */
int find_places(uid_t uid, int pid, void (*fn)(void *arg, const struct place *place), void *arg);

/* Why `pid` does not answer, on standard error. */
void explain_silence(int pid);

/* The answer, or NULL and what is wrong in `why`. */
json_t *ask_place(const struct place *place, unsigned limit, char *why, size_t n);

/* Lines on standard output. */
void show_answer(const json_t *answer, bool stacks);

#endif
