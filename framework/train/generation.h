/* Generation: continuing texts, a token at a time, each drawn from what the model expects.
 *
 * Where the model can be computed position by position (incremental.h), keys and values of what was read before are kept, and
 * several texts go on together; otherwise the whole window is computed for each token, of one text. */
#ifndef TFX_TRAIN_GENERATION_H
#define TFX_TRAIN_GENERATION_H

#include "framework/train/inference.h"

typedef struct tfx_sampling {
    double temperature; /* 0: the most likely token */
    int64_t top_k;      /* among the most likely ones; 0: all */
    double top_p;       /* among the fewest that have this probability together; 1: all */
    uint64_t seed;
} tfx_sampling;

typedef struct tfx_generated {
    int32_t *tokens; /* with room for what is added */
    uint64_t n;      /* at least 1 before */
} tfx_generated;

/* Adds `count` tokens to each of the texts, of which there are as many as rows, calling `emit` with each in turn. Sees the last
 * `context` tokens; where keys and values are kept, what has more goes on from its last context / 2. What one text gets does not depend
 * on the others, but for rounding. */
tfx_status tfx_generate(tfx_inference *f, const tfx_sampling *s, tfx_generated *texts, uint64_t count,
                        void (*emit)(void *ctx, uint64_t text, int32_t token), void *ctx, tfx_error *err);

#endif
