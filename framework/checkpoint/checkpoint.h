/* Checkpoint: everything a run needs to continue to the same bits.
 *
 * A folder, complete or absent:
 *   model.safetensors      the parameters by path, f32; metadata: model, step
 *   optimizer.safetensors  optimizer state as "PATH/STATE"
 *   progress.json          where the run stands: step, tokens, data position, ... */
#ifndef TFX_CHECKPOINT_CHECKPOINT_H
#define TFX_CHECKPOINT_CHECKPOINT_H

#include "framework/base/error.h"
#include "framework/checkpoint/safetensors.h"
#include "framework/graph/state.h"
#include "tfx/loader.h"

/* Where a run stands. */
typedef struct tfx_run_progress {
    int64_t stage, stage_step; /* current stage and the steps done in it */
    int stage_done;            /* the stage has ended; growth or the end comes next */
    int64_t step, tokens;      /* of the run */
    int64_t schedule_first;    /* the step at which the learning-rate schedule last (re)started */
    double flops, seconds;     /* of the run; seconds of training steps */
    double train_loss, val_loss; /* last known; NaN: none */
    int64_t val_step;
    tfx_loader_position position; /* of the training data, before the next batch */
} tfx_run_progress;

/* Access to state tensors on the device, in bytes from a tensor's start. */
typedef struct tfx_state_io {
    void *ctx;
    void (*read)(void *ctx, const tfx_state_tensor *t, uint64_t first, void *dst, size_t n);
    void (*write)(void *ctx, const tfx_state_tensor *t, uint64_t first, const void *src, size_t n);
} tfx_state_io;

/* Writes the folder `path` (parents are made), without optimizer state when `params_only`. *bytes: size of
 * all files; hash: of model.safetensors. Peak extra memory: a few MiB. */
tfx_status tfx_checkpoint_write(const char *path, const char *model, const tfx_state_layout *state,
                                const tfx_state_io *io, const tfx_run_progress *progress, int params_only,
                                uint64_t *bytes, char hash[33], tfx_error *err);

/* Reads progress.json. */
tfx_status tfx_checkpoint_read_progress(const char *path, tfx_run_progress *out, tfx_error *err);

/* Loads parameters, and optimizer state unless `params_only`, into the device. Every
 * tensor must be there with its shape and dtype. hash: expected of model.safetensors; NULL: not
 * checked. */
tfx_status tfx_checkpoint_load(const char *path, const char *hash, const tfx_state_layout *state,
                               const tfx_state_io *io, int params_only, tfx_error *err);

/* Whether the parameters of a safetensors file are those of `state`; reads its header only. */
tfx_status tfx_weights_check(const char *file, const tfx_state_layout *state, tfx_error *err);

/* Loads the parameters of any safetensors file whose names are parameter paths. Fixed
 * parameters (tau) may be missing: they keep what the device has; *n_missing counts them. */
tfx_status tfx_weights_load(const char *file, const tfx_state_layout *state, const tfx_state_io *io,
                            size_t *n_missing, tfx_error *err);

#endif
