/* What this build is and what it can do. */
#include "base/base.h"
#include "config.h"

const char *cairn_version(void)
{
    return CAIRN_VERSION;
}

const char *const *cairn_features(void)
{
    static const char *const features[] = {CAIRN__FEATURES NULL};
    return features;
}
