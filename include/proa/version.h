#ifndef PROA_VERSION_H
#define PROA_VERSION_H

#include <proa/defs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers; compare with proa_version() for that of the library in use. */
#define PROA_VERSION_MAJOR 0
#define PROA_VERSION_MINOR 1
#define PROA_VERSION_PATCH 0
#define PROA_VERSION "0.1.0"

/**
 * The version of the library that the program runs with, such as "0.1.0".
 *
 * Ownership:    static text.
 */
PROA_API const char *proa_version(void);

#ifdef __cplusplus
}
#endif

#endif
