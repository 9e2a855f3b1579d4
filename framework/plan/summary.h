/* The plan as a person or a program reads it. */
#ifndef TFX_PLAN_SUMMARY_H
#define TFX_PLAN_SUMMARY_H

#include <stdio.h>

#include "framework/plan/arm.h"

/* One row per stage of every arm. device_flops: measured FLOP/s for the time estimate. */
void tfx_plan_print(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_device *device, double device_flops,
                    FILE *out);
void tfx_plan_print_json(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_device *device,
                         double device_flops, FILE *out);

#endif
