/* Branches: where other arms start in the runs of an arm. There a run leaves a checkpoint, and it stays. */
#ifndef TFX_PLAN_BRANCHES_H
#define TFX_PLAN_BRANCHES_H

#include "framework/plan/arm.h"

/* Where a run stands, as far as others can start there. */
typedef struct tfx_branch_place {
    int64_t step;        /* of the run */
    int64_t ended_stage; /* that ends there; -1: none */
    int last;            /* with the run */
} tfx_branch_place;

/* Whether an arm starts there; *optimizer (may be NULL): and needs the optimizer state. */
int tfx_arm_branches(const tfx_experiment *e, const tfx_arm *trunk, const tfx_branch_place *at, int *optimizer);

/* Bytes of the checkpoints that a run of this arm keeps for others, at most. */
uint64_t tfx_arm_plan_branch_bytes(const tfx_arm_plan *trunk);

/* The stage of the trunk in which a start lies, and the steps that its run has had there, both as planned. A message
 * when there is no such place. */
tfx_status tfx_start_place(const tfx_start *s, const tfx_arm_plan *trunk, uint32_t *stage, int64_t *steps,
                           tfx_error *err);

#endif
