/* Checkpoint: everything a run needs to continue to the same bits.
 *
 * A folder, complete or absent; framework/checkpoint/layout.h says what is in it. */
#ifndef TFX_CHECKPOINT_CHECKPOINT_H
#define TFX_CHECKPOINT_CHECKPOINT_H

#include "framework/base/error.h"
#include "framework/checkpoint/layout.h"
#include "framework/checkpoint/safetensors.h"
#include "framework/graph/state.h"

/* Access to state tensors on the device, in bytes from a tensor's start. */
typedef struct tfx_state_io {
    void *ctx;
    void (*read)(void *ctx, const tfx_state_tensor *t, uint64_t first, void *dst, size_t n);
    void (*write)(void *ctx, const tfx_state_tensor *t, uint64_t first, const void *src, size_t n);
} tfx_state_io;

/* Bytes that are read or written at a time. */
#define TFX_CHECKPOINT_CHUNK ((size_t)4 << 20)

typedef struct tfx_checkpoint_written {
    uint64_t bytes;     /* of all files */
    char hash[33];      /* of the weights' file: the same weights at the same step have the same */
    char json_hash[33]; /* of checkpoint.json: of everything */
} tfx_checkpoint_written;

/* Writes the folder `path` (parents are made), without optimizer state if `params_only`; the hashes of `record` are
 * worked out, the rest is written as it is. Peak extra memory: a few MiB. */
tfx_status tfx_checkpoint_write(const char *path, const char *model, const tfx_state_layout *state,
                                const tfx_state_io *io, const tfx_checkpoint_record *record, int params_only,
                                tfx_checkpoint_written *out, tfx_error *err);

/* The same in two. The state may change once `begin` has returned: the files are written then, under a temporary name.
 * A thread flushes them to disk, and gives them their names. `end` waits for that, and must be called; before it no
 * checkpoint is there. NULL: nothing is. [any thread, one at a time] */
typedef struct tfx_checkpoint_writing tfx_checkpoint_writing;
tfx_checkpoint_writing *tfx_checkpoint_begin(const char *path, const char *model, const tfx_state_layout *state,
                                             const tfx_state_io *io, const tfx_checkpoint_record *record,
                                             int params_only, tfx_checkpoint_written *out, tfx_error *err);
int tfx_checkpoint_is_durable(const tfx_checkpoint_writing *w); /* whether `end` has nothing to wait for */
tfx_status tfx_checkpoint_end(tfx_checkpoint_writing *w, tfx_error *err);

/* What a tensor of that dtype is in a file. */
tfx_st_dtype tfx_checkpoint_dtype(tfx_dtype d);

/* Whether every file (the optimizer's unless `params_only`) is the one that was written; json_hash is the one
 * that was recorded then, or "" when none was. */
tfx_status tfx_checkpoint_check(const char *path, const char *json_hash, int params_only, tfx_error *err);

/* Checks, then loads parameters, and optimizer state unless `params_only`, into the device. Every tensor must be
 * there with its shape and dtype. */
tfx_status tfx_checkpoint_load(const char *path, const char *json_hash, const tfx_state_layout *state,
                               const tfx_state_io *io, int params_only, tfx_error *err);

/* What the tensors of a safetensors file are, appended to `state` as this kind; reads its header only. `model`: heap,
 * the name in the file (NULL: it has none, or nobody asks). */
tfx_status tfx_checkpoint_tensors(const char *file, tfx_state_kind kind, tfx_state_layout *state, char **model,
                                  tfx_error *err);

/* Whether the parameters of a safetensors file are those of `state`; reads its header only. */
tfx_status tfx_weights_check(const char *file, const tfx_state_layout *state, tfx_error *err);

/* Loads the parameters of any safetensors file whose names are parameter paths. Fixed
 * parameters (tau) may be missing: they keep what the device has; *n_missing counts them. */
tfx_status tfx_weights_load(const char *file, const tfx_state_layout *state, const tfx_state_io *io, size_t *n_missing,
                            tfx_error *err);

#endif
