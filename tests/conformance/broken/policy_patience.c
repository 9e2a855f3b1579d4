/* Caught by: options. An end of the range of patience is refused without its name. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_patience"
#define CREATE(s) \
    if (s->patience > 500) { \
        free(s); \
        return h->fail(h, TFX_E_INVALID, "too many steps"); \
    }
#include "tests/conformance/one_policy.h"
