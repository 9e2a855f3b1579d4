/* Plan of an arm: all its stages, checked against each other and the data. */
#ifndef TFX_PLAN_ARM_H
#define TFX_PLAN_ARM_H

#include "framework/model/growth_proof.h"
#include "framework/plan/stage.h"
#include "framework/plan/validation_set.h"

typedef struct tfx_origin tfx_origin; /* framework/plan/origin.h */

typedef struct tfx_arm_plan {
    const tfx_experiment *experiment;
    const tfx_arm *arm;
    const tfx_registry *registry;
    const tfx_device *device;
    tfx_scaling *policy; /* NULL: does not grow */
    tfx_stage_plan **stages;
    uint32_t n_stages;
    tfx_growth_claim *claims;      /* per stage, of growing into it; why NULL: it does not begin so */
    tfx_validation_set validation; /* filled by tfx_arm_plan_check_data */
    tfx_origin *origin;            /* filled by tfx_origin_from_*; NULL: the initialisation, or not looked at */
} tfx_arm_plan;

/* Plans every stage: models and growth chain. NULL with a message that names file and line. Does not look
 * at the data, nor judge whether it fits the machine (capacity.h). */
tfx_arm_plan *tfx_arm_plan_create(const tfx_experiment *e, const tfx_arm *arm, const tfx_registry *registry,
                                  const tfx_device *device, tfx_error *err);
void tfx_arm_plan_destroy(tfx_arm_plan *p);

/* Whether the policy may end that stage before it has had all its steps. */
int tfx_arm_plan_may_end_early(const tfx_arm_plan *p, uint32_t stage);

/* Totals over all stages, all their steps taken: training tokens and FLOPs (without recomputation). */
double tfx_arm_plan_tokens(const tfx_arm_plan *p);
double tfx_arm_plan_flops(const tfx_arm_plan *p);

/* Whether the arm's data can be opened and its tokens fit the vocabulary, a message when not; and which of
 * them will be evaluated. */
tfx_status tfx_arm_plan_check_data(const tfx_experiment *e, tfx_arm_plan *p, tfx_error *err);

#endif
