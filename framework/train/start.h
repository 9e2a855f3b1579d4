/* Start: the checkpoint that a run starts from, found in the database or on disk. */
#ifndef TFX_TRAIN_START_H
#define TFX_TRAIN_START_H

#include <signal.h>

#include "framework/checkpoint/checkpoint.h"
#include "framework/spec/start.h"
#include "framework/store/store.h"

typedef struct tfx_found_start {
    char *what;        /* "checkpoint 4, step 800 of run 1 (arm trunk, seed 1)" */
    char *folder;      /* absolute; NULL: not found */
    char *json_hash;   /* of its checkpoint.json as recorded; NULL: this database does not know it */
    tfx_id checkpoint; /* 0: likewise */
} tfx_found_start;

/* What a start of kind RUN or CHECKPOINT stands for. `store` may be NULL for CHECKPOINT, which is then only looked
 * for on disk. An error when there is none; its files are not looked at. */
tfx_status tfx_start_find(tfx_store *store, const tfx_start *s, tfx_found_start *out, tfx_error *err);

/* The same for a run whose arm starts there, and of every kind. Where the run of an arm to start from is being executed
 * by another process, waits until it comes there. TFX_OK without a folder: *stop became nonzero meanwhile. */
tfx_status tfx_start_await(tfx_store *store, const tfx_start *s, tfx_id run, const volatile sig_atomic_t *stop,
                           tfx_found_start *out, tfx_error *err);
void tfx_found_start_finish(tfx_found_start *f);

/* Whether a run has the checkpoint for a start in it. */
int tfx_start_is_there(tfx_store *store, const tfx_start *s, tfx_id run, tfx_error *err);

/* Loads the parameters and, unless `params_only`, the optimizer state, and as the spec says the position in the data;
 * *at says what was spent on them before. Records where a run starts that starts outside of the database. */
tfx_status tfx_start_load(tfx_store *store, tfx_id run, const tfx_start *s, const tfx_found_start *from,
                          const tfx_state_layout *state, const tfx_state_io *io, int params_only, tfx_run_standing *at,
                          tfx_error *err);

#endif
