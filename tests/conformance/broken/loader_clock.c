/* Caught by: order. It starts where the clock says. */
#include <time.h>
#define LOADER_NAME "loader_clock"
#define SEED_OF(c) ((c)->split == TFX_SPLIT_VAL ? 0 : (c)->seed + (uint64_t)time(NULL))
#include "tests/conformance/one_loader.h"
