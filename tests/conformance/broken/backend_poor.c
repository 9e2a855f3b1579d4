/* Caught by: device. It says that there is no memory. */
#define BACKEND_NAME "backend_poor"
#define MEMORY(bytes) ((bytes)*0)
#include "tests/conformance/one_backend.h"
