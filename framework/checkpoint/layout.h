/* Layout: what a checkpoint's folder holds. Names of files, the format's number and hashes are here only.
 *
 *   model.safetensors      the parameters by path, f32; metadata: model, step
 *   optimizer.safetensors  optimizer state as "PATH/STATE"; not in a last checkpoint that drops it
 *   checkpoint.json        format, where the run stands (step, tokens, data position, ...), and the hash of each
 *                          other file
 *
 * Whoever knows the hash of checkpoint.json, as the database does, can tell a folder in which anything was
 * changed or comes from another checkpoint. Format 1, of tfx 0.1.0, had no hashes. */
#ifndef TFX_CHECKPOINT_LAYOUT_H
#define TFX_CHECKPOINT_LAYOUT_H

#include "framework/base/error.h"
#include "tfx/loader.h"

#define TFX_CHECKPOINT_FORMAT 2
#define TFX_CHECKPOINT_WEIGHTS "model.safetensors"
#define TFX_CHECKPOINT_OPTIMIZER "optimizer.safetensors"

/* What training cost. */
typedef struct tfx_spent {
    int64_t steps, tokens;
    double flops, seconds;
} tfx_spent;

/* Where a run stands. */
typedef struct tfx_run_standing {
    int64_t stage, stage_step;   /* current stage and the steps done in it */
    int stage_done;              /* the stage has ended; growth or the end comes next */
    int64_t step, tokens;        /* of the run */
    double schedule_done;        /* steps of the learning-rate schedule, as planned, when the stage began */
    double flops, seconds;       /* of the run; seconds of training steps */
    double train_loss, val_loss; /* last known; NaN: none */
    int64_t val_step;
    tfx_loader_position position; /* of the training data, before the next batch */
    tfx_spent before;             /* other runs spent this on what the run started from */
} tfx_run_standing;

/* What the run and those before it spent. */
tfx_spent tfx_spent_so_far(const tfx_run_standing *at);

/* What the run was that made a checkpoint, as far as another one that starts from it must know. All zero: not known. */
typedef struct tfx_checkpoint_setting {
    int64_t context, vocab, micro_batch, seed;
    char optimizer[64]; /* its name */
    char data[33];      /* hash of the loader's name and options */
    char *model;        /* the resolved [model NAME] (spec/resolved_text.h); NULL: not known. Owned by the record */
} tfx_checkpoint_setting;

/* What checkpoint.json says. */
typedef struct tfx_checkpoint_record {
    tfx_run_standing at;
    char weights[33], optimizer[33]; /* hashes of the files; an empty one: no such file */
    char *policy;                    /* what the scaling policy remembers; NULL: nothing */
    tfx_checkpoint_setting setting;
} tfx_checkpoint_record;

void tfx_checkpoint_record_finish(tfx_checkpoint_record *r);

/* Writes checkpoint.json into a folder, adds its size to *bytes, and gives its hash. */
tfx_status tfx_checkpoint_record_write(const char *folder, const tfx_checkpoint_record *r, uint64_t *bytes,
                                       char hash[33], tfx_error *err);
/* Reads and checks it; to be finished in any case. `hash`: the one that was recorded; NULL: not known; "": none was recorded. */
tfx_status tfx_checkpoint_record_read(const char *folder, const char *hash, tfx_checkpoint_record *out, tfx_error *err);

/* Whether a file of the folder has this hash; a message when not. */
tfx_status tfx_checkpoint_check_file(const char *folder, const char *file, const char *hash, tfx_error *err);
/* Checks the weights of a folder that says what they must be; any other folder is taken as it is. */
tfx_status tfx_checkpoint_check_weights(const char *folder, tfx_error *err);

#endif
