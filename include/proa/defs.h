#ifndef PROA_DEFS_H
#define PROA_DEFS_H

/*
 * The words that every public header is written with.
 */

#if defined(__GNUC__)
#define PROA_API __attribute__((visibility("default")))
#else
#define PROA_API
#endif

/* Marks a prototype that may park the calling task. Documentation only: it expands to nothing. */
#define PROA_SUSPENDS

#endif
