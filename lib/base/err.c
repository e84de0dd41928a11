#include "base/fail.h"

#include <proa/err.h>

#include <string.h>

const char *proa_err_name(int rc)
{
    if (rc >= 0)
        return "PROA_OK";
    if (rc <= PROA_ERR_PROGRAM)
        return "program error";
    switch (rc) {
#define NAME_CASE(code, number, sentence)                                                          \
    case number:                                                                                   \
        return #code;
        PROA_ERR_MAP(NAME_CASE)
#undef NAME_CASE
    }
    return "PROA_E?";
}

const char *proa_err_text(int rc)
{
    const char *system;

    if (rc >= 0)
        return "no error";
    if (rc <= PROA_ERR_PROGRAM)
        return "an error of the program's own";
    switch (rc) {
#define TEXT_CASE(code, number, sentence)                                                          \
    case number:                                                                                   \
        return sentence;
        PROA_ERR_MAP(TEXT_CASE)
#undef TEXT_CASE
    }
    system = strerrordesc_np(-rc);
    return system ? system : "unknown error";
}

bool proa_err_is_timeout(int rc)
{
    switch (rc) {
    case PROA_ETIMEDOUT:
    case PROA_ECONNTIMEDOUT:
    case PROA_ECLIENTTIMEDOUT:
#define TIMEOUT_CASE(code, number, sentence) case number:
        PROA_ERR_CLIENT_TIMEOUT_MAP(TIMEOUT_CASE)
#undef TIMEOUT_CASE
        return true;
    }
    return false;
}

const char *proa_err_detail(int rc)
{
    const struct err_slot *slot = proa__err_slot_now();

    return rc < 0 && slot->rc == rc ? slot->text : proa_err_text(rc);
}
