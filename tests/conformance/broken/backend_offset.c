/* Caught by: device. Uploads start at the beginning of a number. */
#define BACKEND_NAME "backend_offset"
#define UPLOAD_AT(offset) ((offset) / 4 * 4)
#include "tests/conformance/one_backend.h"
