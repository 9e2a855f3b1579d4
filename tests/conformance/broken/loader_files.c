/* Caught by: leaks. A file stays open. */
#define LOADER_NAME "loader_files"
#define CLOSE_FILE(f) (void)(f)
#include "tests/conformance/one_loader.h"
