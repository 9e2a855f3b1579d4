/* Initial: a model as its initialisation leaves it, measured on its parameters and on one row of real data. */
#ifndef TFX_TRAIN_INITIAL_H
#define TFX_TRAIN_INITIAL_H

#include "framework/plan/scales.h"

/* What is written into a residual stream may be so many times as large as what is there. Beyond, what came before
 * hardly counts any more, neither for what follows nor for the gradient. */
#define TFX_INITIAL_RATIO 5.0

typedef struct tfx_initial_param {
    const tfx_state_tensor *tensor; /* of the plan's state */
    double mean, std;               /* over its elements */
} tfx_initial_param;

/* Root mean squares over one row of the validation split. */
typedef struct tfx_initial_write {
    const char *writer; /* "blocks.3.ffn (mlp)" */
    double stream, written;
    double ratio; /* written / stream; 0 where nothing is written */
} tfx_initial_write;

typedef struct tfx_initial {
    tfx_stage_plan *plan; /* evaluation only, one row */
    tfx_scales scales;
    int64_t seed;
    tfx_initial_param *params;
    uint32_t n_params;
    double embedding, logits; /* root mean squares */
    tfx_initial_write *writes;
    uint32_t n_writes;
    double loss; /* mean per token */
} tfx_initial;

/* Initialises the model of the arm's first stage with the first seed, and runs it on the first row of the
 * validation split. On error, too, tfx_initial_finish. */
tfx_status tfx_initial_measure(tfx_initial *out, const tfx_experiment *e, const tfx_arm *arm,
                               const tfx_model_spec *model, const tfx_registry *registry, const tfx_device *device,
                               tfx_error *err);
void tfx_initial_finish(tfx_initial *x);

/* Whether so much is written that the stream is lost: a warning. Also where a figure is not finite. */
int tfx_initial_drowns(const tfx_initial_write *w);

#endif
