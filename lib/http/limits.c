#include "http/limits.h"

#include <proa/err.h>

#define SERVER(name, unit, server, client, code, reason) .name = server,
#define CLIENT(name, unit, server, client, code, reason) .name = client,
#define ROW(name, unit, server, client, code, reason) {#name, unit, reason, server, client, code},

const struct http_limits proa__http_limits_server = {HTTP_LIMITS(SERVER)};
const struct http_limits proa__http_limits_client = {HTTP_LIMITS(CLIENT)};

static const struct http_limit_row rows[] = {HTTP_LIMITS(ROW)};

const struct http_limit_row *proa__http_limit_rows(unsigned *ret_n)
{
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}

int proa__http_status_of(int rc)
{
    switch (rc) {
    case PROA_EHTTP:
    case PROA_EHTTPLINE:
    case PROA_EHTTPTARGET:
    case PROA_EHTTPFIELD:
    case PROA_EHTTPHOST:
    case PROA_EHTTPFRAMING:
    case PROA_EHTTPCHUNK:
    case PROA_EHTTPTRAILER:
    case PROA_EHTTPSHORT:
    case PROA_EHTTPTLS:
        return 400;
    case PROA_EHTTPBODYSIZE:
        return 413;
    case PROA_EHTTPTARGETSIZE:
        return 414;
    case PROA_EHTTPHEADSIZE:
        return 431;
    case PROA_EHTTPMETHOD:
    case PROA_EHTTPCODING:
        return 501;
    case PROA_EHTTPVERSION:
        return 505;
    default:
        return 0;
    }
}
