#ifndef PROA_PROA_H
#define PROA_PROA_H

/*
 * All of proa. A program that wants less includes the subject's own header.
 */

#include <proa/defs.h>
#include <proa/version.h>

#endif
