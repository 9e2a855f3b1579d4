/* Caught by: data. Tokens reach beyond the vocabulary that it says. */
#define LOADER_NAME "loader_range"
#define OFFSET 5
#include "tests/conformance/one_loader.h"
