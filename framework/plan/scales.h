/* Scales: a forward pass that gives back how large what goes through a model is: the embedding, and at each
 * residual addition the stream and what is written into it.
 *
 * Sums of squares are taken within the program, so that it needs hardly more memory than an evaluation. */
#ifndef TFX_PLAN_SCALES_H
#define TFX_PLAN_SCALES_H

#include "framework/plan/stage.h"

typedef struct tfx_scale_place {
    char *writer;      /* "blocks.3.ffn (mlp)" */
    uint64_t elements; /* of the stream, and of what is written */
} tfx_scale_place;

typedef struct tfx_scales {
    /* Outputs, each a sum of squares []: of the embedding, then of stream and written of each place. */
    tfx_placement *placement;
    char *embedding; /* "embedding (embedding)" */
    uint64_t embedding_elements;
    tfx_scale_place *places; /* in the order of the pass */
    uint32_t n_places;
} tfx_scales;

/* For the rows that `s` is planned for. */
tfx_status tfx_scales_create(tfx_scales *out, tfx_stage_plan *s, const tfx_registry *registry, const tfx_device *device,
                             tfx_error *err);
void tfx_scales_finish(tfx_scales *s);

#endif
