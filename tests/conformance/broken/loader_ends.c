/* Caught by: data. A TRAIN split never ends; this one does after a pass through the file. */
#define LOADER_NAME "loader_ends"
#define AFTER_BATCH(l) \
    ((int64_t)(l)->next * (l)->batch * (l)->context > (l)->n && (l)->split == TFX_SPLIT_TRAIN \
         ? h->fail(h, TFX_E_DATA, "no more tokens") \
         : TFX_OK)
#include "tests/conformance/one_loader.h"
