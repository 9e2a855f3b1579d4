/* Trainer growth: growth events of a run. Internal to framework/train. */
#ifndef TFX_TRAIN_TRAINER_GROWTH_H
#define TFX_TRAIN_TRAINER_GROWTH_H

#include "framework/train/trainer_parts.h"

/* The growth event between two stages. */
tfx_status tfx_trainer_grow(tfx_trainer *t, tfx_error *err);
/* The event of an arm that grows where it starts, in stage 0. The old model is there for the probe alone. */
tfx_status tfx_trainer_grow_at_start(tfx_trainer *t, const tfx_found_start *from, tfx_error *err);

#endif
