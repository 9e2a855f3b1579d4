/* Caught by: options. It cannot have as many threads as it says, and does not say so by name. */
#define BACKEND_NAME "backend_words"
#define AFTER_OPEN(b) \
    if (h->opt_int(h, o, "threads") > 32) { \
        cpu->close(b); \
        *out = NULL; \
        return h->fail(h, TFX_E_INVALID, "too many threads"); \
    }
#include "tests/conformance/one_backend.h"
