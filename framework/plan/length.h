/* Length: how many steps a stage has. What is said in tokens or FLOPs depends on its batch, context and model. */
#ifndef TFX_PLAN_LENGTH_H
#define TFX_PLAN_LENGTH_H

#include "framework/plan/stage.h"

/* Starts as {0}, and goes from stage to stage of an arm. */
typedef struct tfx_length {
    double owed; /* FLOPs that the stages so far should have spent and do not, by rounding; negative: that they spend
                    too much */
} tfx_length;

/* Sets s->steps: what the policy says of the stage, or where it says nothing the arm's [train]. s->index, batch,
 * context and flops_per_token are set. Fails with a message that has its place where nothing says it, and where FLOPs
 * make no step, or more than can be counted. */
tfx_status tfx_length_set(tfx_length *l, const tfx_arm *arm, const tfx_stage *stage, tfx_stage_plan *s, tfx_error *err);

#endif
