/* Caught by: data. Targets are two tokens on. */
#define LOADER_NAME "loader_shift"
#define SHIFT 2
#include "tests/conformance/one_loader.h"
