/* Learning-rate schedules. */
#ifndef TFX_TRAIN_LEARNING_RATE_H
#define TFX_TRAIN_LEARNING_RATE_H

#include "framework/spec/experiment.h"

/* Learning rate of step `step` (from 0) of a schedule over `steps` steps: linear warm-up
 * from 0 over the first `warmup` (a fraction or steps), reaching lr at its end; then constant; linear
 * or half a cosine (Loshchilov & Hutter 2017) down to min_lr, reached in the last step; or
 * WSD (Hu et al. 2024): constant, then linear to min_lr over the last `decay_fraction`. */
double tfx_learning_rate(const tfx_train_config *t, int64_t step, int64_t steps);

#endif
