/* Caught by: data. It writes one token more than a batch has. */
#define LOADER_NAME "loader_long"
#define N_WRITTEN(l) ((l)->batch * (l)->context + 1)
#include "tests/conformance/one_loader.h"
