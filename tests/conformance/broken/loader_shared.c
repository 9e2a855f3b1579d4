/* Caught by: order. Instances share a counter. */
#define LOADER_NAME "loader_shared"
static unsigned long shared_counter;
#define AFTER_BATCH(l) (shared_counter++, TFX_OK)
#define PLACE(l, row) (int64_t)(((unsigned long)(row) + shared_counter) * 7 % (unsigned long)((l)->n - (l)->context))
#include "tests/conformance/one_loader.h"
