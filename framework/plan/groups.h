/* Groups: which parameters of an arm's models are in the parameter groups of its spec. */
#ifndef TFX_PLAN_GROUPS_H
#define TFX_PLAN_GROUPS_H

#include "framework/plan/arm.h"

/* Has the parameters of a group with `freeze` not trained. Before the first graph is built; `train` outlives the layout. */
void tfx_groups_freeze(tfx_state_layout *s, const tfx_train_config *train);

/* Whether no parameter is in two groups. */
tfx_status tfx_groups_check(const tfx_train_config *train, const tfx_stage_plan *stage, tfx_error *err);

/* Whether each group has a parameter in some stage of some arm: what [train] says holds for arms of other models, too. */
tfx_status tfx_groups_check_used(tfx_arm_plan *const *plans, size_t n, tfx_error *err);

#endif
