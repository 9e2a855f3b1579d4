/* Divergence: what is known about a loss that is not finite. */
#ifndef TFX_TRAIN_DIVERGENCE_H
#define TFX_TRAIN_DIVERGENCE_H

#include "framework/checkpoint/layout.h"
#include "framework/train/engine.h"

/* Fails with where the run stands, with `what` ("the loss is nan") and with what may help: before and in the first
 * step the initialisation is at fault, not the learning rate. `in_step`: the step has also spoiled the parameters;
 * otherwise the first parameter that is not finite is named. */
tfx_status tfx_fail_diverged(tfx_engine *engine, const tfx_state_layout *state, const tfx_run_standing *at,
                             const char *what, int in_step, tfx_error *err);

#endif
