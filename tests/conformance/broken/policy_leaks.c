/* Caught by: leaks. A name that is not freed. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_leaks"
#define MEMBERS char *name;
#define CREATE(s) \
    s->name = malloc(20); \
    if (!s->name) { \
        free(s); \
        return h->fail(h, TFX_E_MEMORY, "out of memory"); \
    }
#include "tests/conformance/one_policy.h"
