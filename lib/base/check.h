#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/*
 * check: misuse ends the process with a plain sentence.
 *
 * For what a correct program never does: a call from the wrong thread, a queue freed under its
 * waiters. Not for what a peer, a file or a lack of memory can cause. Always compiled in.
 *
 * Floor: base.
 */

#include <proa/defs.h>

#ifdef __FILE_NAME__
#define CHECK_FILE __FILE_NAME__
#else
#define CHECK_FILE __FILE__
#endif

/* PROA_CHECK(cond, "sentence with %s", values...) */
#define PROA_CHECK(cond, ...)                                                                      \
    (__builtin_expect(!(cond), 0) ? proa__check_failed(CHECK_FILE, __LINE__, __VA_ARGS__) : (void)0)

/* An object handed in is alive: its first member `magic` still says what it is. */
#define PROA_CHECK_OBJ(obj, MAGIC)                                                                 \
    PROA_CHECK((obj) && (obj)->magic == (MAGIC), "%s: %s is %s", __func__, #obj,                   \
               (obj) ? "not what it should be: freed, or never made" : "NULL")

/* Who called, for the end of the sentence: core's, which knows tasks; "" is nobody. */
extern const char *(*proa__check_who)(void);

_Noreturn void proa__check_failed(const char *file, int line, const char *fmt, ...)
    PROA_PRINTF(3, 4) __attribute__((cold));

#endif
