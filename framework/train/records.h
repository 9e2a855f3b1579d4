/* Records: the rows that a run writes into the database. What belongs together is one transaction, so that a
 * resume never finds one without the other. */
#ifndef TFX_TRAIN_RECORDS_H
#define TFX_TRAIN_RECORDS_H

#include "framework/checkpoint/checkpoint.h"
#include "framework/plan/stage.h"
#include "framework/store/store.h"
#include "framework/train/engine.h"

typedef struct tfx_records {
    tfx_store *store;
    tfx_id run, stage;          /* rows; the stage's is set by tfx_record_stage */
    const tfx_run_standing *at; /* where the run stands */
} tfx_records;

/* The stage that begins or goes on; it stands on checkpoint `parent` (0: on its initialisation). */
tfx_status tfx_record_stage(tfx_records *r, const tfx_stage_plan *stage, const tfx_checkpoint_setting *setting,
                            tfx_id parent, tfx_error *err);

/* What is recorded of a step, besides where the run stands. */
typedef struct tfx_step_numbers {
    double lr, grad_norm, tokens_per_second;
    const double *reports; /* [stage->n_reports] */
} tfx_step_numbers;

tfx_status tfx_record_step(const tfx_records *r, const tfx_stage_plan *stage, const tfx_step_numbers *n,
                           tfx_error *err);
/* What a measured step found out about slices. */
tfx_status tfx_record_slices(const tfx_records *r, const tfx_stage_plan *stage, tfx_engine *engine, tfx_error *err);
/* Of so many tokens with that hash. bits_per_byte: not recorded when it is not finite. */
tfx_status tfx_record_evaluation(const tfx_records *r, double bits_per_byte, int64_t tokens, const char *hash,
                                 tfx_error *err);

/* The stage has ended where the run stands. */
tfx_status tfx_record_stage_end(const tfx_records *r, const tfx_stage_plan *stage, tfx_error *err);

/* A checkpoint's files, and what its row will say. */
typedef struct tfx_saved {
    char *relative, *path; /* the folder; relative to the database's, and absolute */
    tfx_checkpoint_written files;
    const char *reason;
} tfx_saved;

/* Saved files with what comes with them: a growth event (NULL: none), whose `to_checkpoint` is set here, or
 * the end of the stage (NULL: it goes on). A resume goes on behind the checkpoint and would never record the rest.
 * Returns the checkpoint's id, or 0 with a message. */
tfx_id tfx_record_checkpoint(const tfx_records *r, const tfx_saved *s, tfx_id parent, tfx_growth_row *growth,
                             const tfx_stage_plan *ended, tfx_error *err);

#endif
