/* Caught by: leaks. destroy(NULL) is allowed. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_null"
#define DESTROY(s) \
    *(volatile int64_t *)&(s)->n_below = 0; \
    free(s)
#include "tests/conformance/one_policy.h"
