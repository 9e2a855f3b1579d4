/* Caught by: data. What it is opened with is lent for that call alone. */
#define LOADER_NAME "loader_borrows"
#define STATE const tfx_loader_config *config;
#define SEED_OF(c) (l->config = (c), (c)->split == TFX_SPLIT_VAL ? 0 : (c)->seed)
#define N_WRITTEN(l) ((l)->config->batch * (l)->config->context)
#include "tests/conformance/one_loader.h"
