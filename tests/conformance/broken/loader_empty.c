/* Caught by: data. It has no number of tokens. */
#define LOADER_NAME "loader_empty"
#define N_TOKENS(l) ((l)->n * 0 - 2)
#include "tests/conformance/one_loader.h"
