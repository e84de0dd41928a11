#ifndef CORE_TOLD_H
#define CORE_TOLD_H

/*
 * told: a run of the testing kit, with all that it wrote to standard error.
 */

#include "support/test.h"

#include <proa/test.h>

#define TOLD_MOST 4000

struct told {
    int rc;
    char text[TOLD_MOST];
};

/* The result is overwritten by the next call. */
const struct told *told(t_body_fn *body, const struct proa_test_opts *opts);

/* The run failed with this code, and told these words. */
#define ck_told(body, opts, code, words)                                                           \
    do {                                                                                           \
        const struct told *told_ = told(body, opts);                                               \
        ck_err(told_->rc, code);                                                                   \
        ck_assert_msg(strstr(told_->text, words), "without \"%s\": %s", words, told_->text);       \
    } while (0)

#endif
