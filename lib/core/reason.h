#ifndef CORE_REASON_H
#define CORE_REASON_H

/*
 * reason: why something was cancelled, for people.
 *
 * Nothing is carried along with a cancel: the reason stands where it began, and who asks goes
 * outwards from the scope that fails until one knows: a task that was cancelled with a reason, a
 * timeout, a group whose task failed, the run.
 *
 * Floor: core.
 */

#include "core/scope.h"

#include <stddef.h>

/* Why calls within `s` fail, in `buf`; "" if they do not, or nobody said why. */
const char *proa__cancel_reason(const struct scope *s, char *buf, size_t size);

#endif
