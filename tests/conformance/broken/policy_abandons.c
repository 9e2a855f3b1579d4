/* Caught by: allocation. Where its second allocation fails, the first is lost. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_abandons"
#define MEMBERS char *name;
#define CREATE(s) \
    s->name = malloc(20); \
    if (!s->name) \
        return h->fail(h, TFX_E_MEMORY, "out of memory");
#define DESTROY(s) \
    if (s) \
        free((s)->name); \
    free(s)
#include "tests/conformance/one_policy.h"
