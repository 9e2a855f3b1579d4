/* Caught by: files. A message about a file that does not say which. */
#define LOADER_NAME "loader_anonymous"
#define CANNOT_OPEN(path) h->fail(h, TFX_E_IO, "cannot open the data")
#include "tests/conformance/one_loader.h"
