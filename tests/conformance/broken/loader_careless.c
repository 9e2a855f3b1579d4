/* Caught by: files. An empty file divides by zero. */
#define LOADER_NAME "loader_careless"
#define TOO_SHORT(l) 0
#include "tests/conformance/one_loader.h"
