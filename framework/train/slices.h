/* Slices: reads what a measured step found out about old and new slices, and makes rows of it. */
#ifndef TFX_TRAIN_SLICES_H
#define TFX_TRAIN_SLICES_H

#include "framework/plan/stage.h"
#include "framework/train/engine.h"

/* A slot is dead when its energy is at most this part of the mean of all slots'. */
#define TFX_DEAD_SLOT 1e-6

/* One part, old or new, of a trained parameter. */
typedef struct tfx_slice_part {
    uint32_t param; /* in the state */
    int is_new;
    uint64_t elements; /* not 0: parts without are left out */
    double gradient_norm, update_norm, weight_norm;
    uint64_t slots, dead_slots; /* 0 slots: the parameter has none that add to an output */
    double energy_share;
} tfx_slice_part;

/* After a measured step of the plan's stage: *n parts, in the order of the parameters; the caller frees them. */
tfx_slice_part *tfx_slice_parts(tfx_engine *e, const tfx_stage_plan *s, uint32_t *n);

#endif
