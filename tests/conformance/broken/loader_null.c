/* Caught by: leaks. close(NULL) is allowed. */
#define LOADER_NAME "loader_null"
#define CLOSE(l) \
    free((l)->tokens); \
    free(l)
#include "tests/conformance/one_loader.h"
