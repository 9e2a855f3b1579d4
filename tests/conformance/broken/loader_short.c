/* Caught by: data. The last token of a batch is not written. */
#define LOADER_NAME "loader_short"
#define N_WRITTEN(l) ((l)->batch * (l)->context - 1)
#include "tests/conformance/one_loader.h"
