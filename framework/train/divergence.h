/* Divergence: what is known about a loss that is not finite. */
#ifndef TFX_TRAIN_DIVERGENCE_H
#define TFX_TRAIN_DIVERGENCE_H

#include "framework/checkpoint/layout.h"
#include "framework/train/engine.h"

typedef struct tfx_divergence {
    const char *what;   /* "the loss is nan" */
    int in_step;        /* in a training step, which `at` counts already; otherwise in an evaluation */
    int updated;        /* that step has changed the parameters since */
    tfx_engine *engine; /* with the batch; only good to be destroyed afterwards */
    tfx_stage_plan *stage;
    const tfx_registry *registry;
    const tfx_device *device;
    const tfx_run_standing *at;
    uint64_t seed;
} tfx_divergence;

/* A NaN of either sign prints as nan. */
double tfx_without_sign(double x);
/* What to say of a step, for `what`, in `size` bytes; grad_norm NULL: it came to no update. */
void tfx_divergence_say(char *text, size_t size, double loss, const double *grad_norm, double lr);

/* Fails with where the run stands, with `what`, and with where it came from: the first parameter that is not
 * finite, or else the first layer whose output is not, for which the batch goes through the model once more. Before
 * and in the first step the initialisation is at fault, not the learning rate; then the parameters are made as they
 * were. Those of a later step that an update has changed tell nothing of its batch. */
tfx_status tfx_fail_diverged(const tfx_divergence *d, tfx_error *err);

#endif
