/* Caught by: order. What is evaluated depends on the seed. */
#define LOADER_NAME "loader_val_seed"
#define SEED_OF(config) (config)->seed
#define PLACE(l, row) (int64_t)(h->random_u64((l)->seed, 1, (uint64_t)(row)) % (uint64_t)((l)->n - (l)->context))
#include "tests/conformance/one_loader.h"
