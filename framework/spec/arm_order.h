/* Arm order: arms that start from others come after them. */
#ifndef TFX_SPEC_ARM_ORDER_H
#define TFX_SPEC_ARM_ORDER_H

#include "framework/spec/experiment.h"
#include "framework/spec/ini.h"

/* Puts the arms in the order of their execution: what an arm starts from before it, otherwise as they are; and sets
 * their start.arm. Names that are no arm's and cycles are errors. */
tfx_status tfx_arms_order(tfx_experiment *e, const tfx_ini *ini, tfx_error *err);

#endif
