/* Caught by: device. More memory than there is becomes less, in silence. */
#define BACKEND_NAME "backend_limit"
#define MOST_BYTES (UINT64_C(1) << 30)
#include "tests/conformance/one_backend.h"
