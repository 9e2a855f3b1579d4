/* Caught by: files. What it takes before it finds that there is no file stays. */
#define LOADER_NAME "loader_refusal"
#define CANNOT_OPEN(path) \
    (strdup(path) ? h->fail(h, TFX_E_IO, "%s: %s", path, strerror(errno)) : h->fail(h, TFX_E_MEMORY, "%s", path))
#include "tests/conformance/one_loader.h"
