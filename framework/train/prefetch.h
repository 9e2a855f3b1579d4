/* Prefetch: a loader on its own thread, a few batches ahead of the training step. */
#ifndef TFX_TRAIN_PREFETCH_H
#define TFX_TRAIN_PREFETCH_H

#include "framework/base/error.h"
#include "tfx/loader.h"

typedef struct tfx_prefetch tfx_prefetch;

/* Starts reading batches of batch x context tokens below `vocab` from `loader`, which was opened with
 * these sizes, is used by nobody else until destroy, and is closed by the caller afterwards. `start`: where
 * to begin (NULL: where the loader is). NULL on error, e.g. a position that the loader refuses. */
tfx_prefetch *tfx_prefetch_create(const tfx_loader_class *cls, tfx_loader *loader, int64_t batch, int64_t context,
                                  int64_t vocab, const tfx_loader_position *start, tfx_error *err);
/* The next batch; waits for it if need be. *after (may be NULL) is the position behind it: a
 * prefetch that starts there gives the batches that this one would give next. An error of the loader
 * comes with the batch where it happened, and again with every call after it. */
tfx_status tfx_prefetch_next(tfx_prefetch *p, int32_t *inputs, int32_t *targets, tfx_loader_position *after,
                             tfx_error *err);
/* Stops the thread, at the latest when the loader has finished the batch it is in. */
void tfx_prefetch_destroy(tfx_prefetch *p);

#endif
