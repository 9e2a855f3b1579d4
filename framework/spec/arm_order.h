/* Arm order: arms that start from others are executed after them, and arms whose budget is what others spend are planned
 * after those. */
#ifndef TFX_SPEC_ARM_ORDER_H
#define TFX_SPEC_ARM_ORDER_H

#include "framework/spec/experiment.h"
#include "framework/spec/ini.h"

/* Puts the arms in the order of their execution: what an arm starts from before it, otherwise as they are; and sets
 * their start.arm. Names that are no arm's and cycles are errors. */
tfx_status tfx_arms_order(tfx_experiment *e, const tfx_ini *ini, tfx_error *err);

/* After it: sets e->planning. An arm that a budget names and that is not there is an error, and so is an arm that is
 * needed to know its own length. */
tfx_status tfx_arms_order_planning(tfx_experiment *e, const tfx_ini *ini, tfx_error *err);

#endif
