#include "server/counts.h"

#include <proa/err.h>

int proa__server_counts(int ret[SERVER_COUNTS_N])
{
#define ROW(name, kind, text) {proa_##kind##_register, text},
    static const struct {
        int (*enter)(const char *name);
        const char *name;
    } rows[] = {SERVER_COUNTS(ROW)};
#undef ROW

    for (int i = 0; i < SERVER_COUNTS_N; i++) {
        ret[i] = rows[i].enter(rows[i].name);
        if (ret[i] < 0)
            return ret[i];
    }
    return 0;
}

enum server_count proa__server_count_of_status(int status)
{
    return (enum server_count)(COUNT_1XX + status / 100 - 1);
}

enum server_count proa__server_count_of_refusal(int rc)
{
    switch (rc) {
    case PROA_EHTTPTARGETSIZE:
        return COUNT_TARGET;
    case PROA_EHTTPHEADSIZE:
        return COUNT_HEAD;
    case PROA_EHTTPBODYSIZE:
        return COUNT_BODY;
    case PROA_ECLIENTTIMEDOUT:
        return COUNT_HEAD_TIME;
    default:
        return COUNT_MALFORMED;
    }
}
