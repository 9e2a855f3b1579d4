/* Budget: the number behind a length that another arm says. */
#ifndef TFX_PLAN_BUDGET_H
#define TFX_PLAN_BUDGET_H

#include "framework/plan/arm.h"

/* Sets train.tokens or train.flops of an arm whose budget names others, from `plans` [e->n_arms], in which these have
 * theirs with their origins: all that such an arm is planned to spend, what it started from included, of the longest run
 * where its policy may end stages early. Points of a swept arm must spend the same. Does nothing for other arms. */
tfx_status tfx_budget_set(tfx_experiment *e, size_t arm, tfx_arm_plan *const *plans, tfx_error *err);

/* "[arm a] trains for 1.2e+13 FLOPs, 0.2 of what [arm b] spends"; heap. NULL: the arm has no such budget. */
char *tfx_budget_describe(const tfx_arm *arm);

#endif
