/* Coordinates: how large what the layers of a model compute is, before and after a few steps.
 *
 * The coordinate check of Yang et al. 2022, "Tensor Programs V" (arXiv 2203.03466, appendix D.1): in the right
 * parametrization neither depends on the width. */
#ifndef TFX_TRAIN_COORDINATES_H
#define TFX_TRAIN_COORDINATES_H

#include "framework/plan/stage.h"

typedef struct tfx_coordinate {
    char *layer;          /* "blocks.0.mixer (attention)"; the last one is "logits" */
    double start, change; /* mean |x| and mean |x - x at the start|, over a batch and all seeds */
} tfx_coordinate;

typedef struct tfx_coordinates {
    const tfx_model_spec *model;
    int64_t dim;
    uint64_t n_params;
    tfx_coordinate *items; /* in the order in which layers give results */
    uint32_t n;
} tfx_coordinates;

/* Trains the model `steps` steps of one micro-batch, at the lr of `train` throughout, once for each seed of the experiment.
 * What is measured is the first batch. On error, too, tfx_coordinates_finish. */
tfx_status tfx_coordinates_measure(tfx_coordinates *out, const tfx_experiment *e, const tfx_train_config *train,
                                   const tfx_model_spec *model, const tfx_registry *registry, const tfx_device *device,
                                   int64_t steps, tfx_error *err);
void tfx_coordinates_finish(tfx_coordinates *c);

#endif
