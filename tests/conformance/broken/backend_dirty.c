/* Caught by: device. New memory is not zero. */
#define BACKEND_NAME "backend_dirty"
#define AFTER_CREATE(b, buf, bytes) cpu->upload(b, buf, (bytes) / 2, "x", 1)
#include "tests/conformance/one_backend.h"
