/* Step time: how long an optimizer step of a planned stage takes, by executing a few. What a step does beside matrix products
 * is most of it in small models, and no count of FLOPs says how long that takes. */
#ifndef TFX_TRAIN_STEP_TIME_H
#define TFX_TRAIN_STEP_TIME_H

#include "framework/plan/arm.h"

/* Seconds of one step of each stage of each arm: times[arm][stage], 0 where it would have taken long. Stages that compute the
 * same are measured once. Takes a few seconds at most, of which nothing is left behind. */
typedef struct tfx_step_times {
    double **seconds;
    size_t n_arms;
} tfx_step_times;

tfx_status tfx_step_times_measure(tfx_step_times *t, const tfx_device *device, tfx_arm_plan *const *arms, size_t n_arms,
                                  tfx_error *err);
void tfx_step_times_finish(tfx_step_times *t);

#endif
