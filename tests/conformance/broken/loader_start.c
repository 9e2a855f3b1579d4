/* Caught by: resuming. Where batches lie depends on the process. */
#define LOADER_NAME "loader_start"
#include <unistd.h>
#define PLACE(l, row) \
    (int64_t)(h->random_u64((l)->seed + (uint64_t)getpid(), (l)->split == TFX_SPLIT_VAL, (uint64_t)(row)) % \
              (uint64_t)((l)->n - (l)->context))
#include "tests/conformance/one_loader.h"
