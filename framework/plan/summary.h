/* The plan as a person or a program reads it. */
#ifndef TFX_PLAN_SUMMARY_H
#define TFX_PLAN_SUMMARY_H

#include <stdio.h>

#include "framework/plan/arm.h"

struct cJSON;

/* The matrix speed of a device in FLOP/s, for the time estimate: other programs on the machine
 * can only lower it, so the best of several measurements counts, and the lowest says how much
 * they differed. */
typedef struct tfx_device_speed {
    double best, lowest; /* of f32 products */
    double best_bf16;    /* 0: not measured */
} tfx_device_speed;

/* bf16 products are measured if some arm computes with them. */
tfx_device_speed tfx_device_speed_measure(const tfx_device *device, tfx_arm_plan *const *arms, size_t n_arms);

/* One row per stage of every arm, and what the spec took from elsewhere. step_seconds[arm][stage] is how long a step of it was
 * found to take; 0: the speed says it. */
void tfx_plan_print(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_device *device,
                    tfx_device_speed speed, double *const *step_seconds, const tfx_lookup *taken, FILE *out);
/* The same for programs; the caller deletes it. */
struct cJSON *tfx_plan_json(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_device *device,
                            tfx_device_speed speed, double *const *step_seconds, const tfx_lookup *taken);

#endif
