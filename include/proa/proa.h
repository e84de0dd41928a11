#ifndef PROA_PROA_H
#define PROA_PROA_H

/*
 * All of proa. A program that wants less includes the subject's own header.
 */

#include <proa/buf.h>
#include <proa/defs.h>
#include <proa/err.h>
#include <proa/headers.h>
#include <proa/http.h>
#include <proa/json.h>
#include <proa/log.h>
#include <proa/mem.h>
#include <proa/params.h>
#include <proa/str.h>
#include <proa/time.h>
#include <proa/url.h>
#include <proa/version.h>

#endif
