/* Initial scales: what `tfx plan --init` prints of models as their initialisation leaves them. */
#ifndef TFX_REPORT_INITIAL_SCALES_H
#define TFX_REPORT_INITIAL_SCALES_H

#include <stdio.h>

#include "framework/plan/arm.h"

/* Measures every model that an arm starts with, each once, and prints two tables, the loss and a line for each
 * warning; as JSON each parameter apart. On error nothing is printed. */
tfx_status tfx_initial_report(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry,
                              const tfx_device *device, int json, FILE *out, tfx_error *err);

#endif
