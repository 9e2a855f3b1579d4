/* Learning-rate schedules. */
#ifndef TFX_TRAIN_LEARNING_RATE_H
#define TFX_TRAIN_LEARNING_RATE_H

#include "framework/plan/stage.h"

/* How far a schedule is, in planned steps, after `stage_step` steps of a stage that began when it was at `before`.
 * Where each stage has had its planned steps that is their sum. A stage that ended early leaves more of the schedule to
 * those after it, which go through it faster: without a jump, and to its end. */
double tfx_schedule_done(const tfx_stage_plan *s, double before, int64_t stage_step);

/* Learning rate of step `step` (from 0; a fraction lies between two) of a schedule over `steps` steps: linear warm-up
 * from 0 over the first `warmup` (a fraction or steps), reaching lr at its end; then constant; linear
 * or half a cosine (Loshchilov & Hutter 2017) down to min_lr, reached in the last step; or
 * WSD (Hu et al. 2024): constant, then linear to min_lr over the last `decay_fraction`. */
double tfx_learning_rate(const tfx_train_config *t, double step, int64_t steps);

/* Of a stage's step (from 1), in the schedule that was at `before` when the stage began. */
double tfx_stage_learning_rate(const tfx_stage_plan *s, double before, int64_t stage_step);

#endif
