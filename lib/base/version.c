#include <proa/version.h>

const char *proa_version(void)
{
    return PROA_VERSION;
}
