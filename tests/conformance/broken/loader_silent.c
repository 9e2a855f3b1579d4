/* Caught by: files. An error without a message. */
#define LOADER_NAME "loader_silent"
#define CANNOT_OPEN(path) TFX_E_IO
#include "tests/conformance/one_loader.h"
