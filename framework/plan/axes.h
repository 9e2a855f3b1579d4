/* The axes of a planned model, and how they are printed. */
#ifndef TFX_PLAN_AXES_H
#define TFX_PLAN_AXES_H

#include <stdio.h>

#include "framework/graph/axes.h"
#include "framework/plan/arm.h"

/* The axes of a stage's model, with names; `state` indices are those of s->state. A graph of its own is built for
 * it, with custom ops lowered; the parameters are in s->state already. NULL with a message. The caller destroys them. */
tfx_axes *tfx_stage_axes_create(tfx_stage_plan *s, const tfx_registry *registry, tfx_error *err);

/* Every model of the experiment once, those of all arms and stages. As text, classes that blocks have alike are one
 * row, with * for the block's number; JSON has each. */
tfx_status tfx_axes_print(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry, FILE *out,
                          tfx_error *err);
tfx_status tfx_axes_print_json(const tfx_experiment *e, tfx_arm_plan *const *arms, const tfx_registry *registry,
                               FILE *out, tfx_error *err);

#endif
