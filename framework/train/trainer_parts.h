/* Trainer parts: what the files of the trainer share. Internal to framework/train. */
#ifndef TFX_TRAIN_TRAINER_PARTS_H
#define TFX_TRAIN_TRAINER_PARTS_H

#include "framework/train/evaluate.h"
#include "framework/train/next_action.h"
#include "framework/train/prefetch.h"
#include "framework/train/records.h"
#include "framework/train/retention.h"
#include "framework/train/start.h"
#include "framework/train/trainer.h"

/* A checkpoint whose files are on their way to disk. */
typedef struct tfx_unsettled {
    tfx_checkpoint_writing *writing; /* NULL: there is none */
    tfx_saved saved;
    tfx_run_standing at; /* where it was made */
    tfx_growth_row *growth;
    const tfx_stage_plan *ended; /* the stage that ends with it, or NULL */
} tfx_unsettled;

/* A run while it is executed. */
typedef struct tfx_trainer {
    const tfx_trainer_params *p;
    const tfx_train_config *config;
    tfx_run_standing at;
    tfx_run_state state;
    tfx_records records;
    tfx_retention retention;
    tfx_id checkpoint;     /* the newest one of the lineage */
    char *checkpoint_path; /* absolute */
    char *reason;          /* why the policy has ended the stage; NULL: it has had all its steps */
    char json_hash[33];    /* of that checkpoint */
    tfx_unsettled unsettled;
    const tfx_stage_plan *stage;
    tfx_engine *engine;
    tfx_evaluator evaluator;
    tfx_loader *loader;
    tfx_prefetch *prefetch;
    int32_t *tokens, *targets;
    tfx_progress progress;
    double lr, norm, tokens_per_second; /* of the last step */
    double *reports;                    /* and what layers reported in it, [stage->n_reports] */
    int recorded;                       /* whether that step has its row */
    char trouble[160];                  /* what is not finite; */
    int in_step, updated;               /* whether that came up in a step, and whether its update was made */
} tfx_trainer;

/* Whether the stage that the run is in is its last. */
int tfx_trainer_last_stage(const tfx_trainer *t);
/* Whether other arms start from where the run stands, and (*optimizer, may be NULL) whether with the optimizer's state. */
int tfx_trainer_branches(const tfx_trainer *t, int ends_stage, int *optimizer);
void tfx_trainer_close_data(tfx_trainer *t);
/* Replaces the engine by one for stage `index`, its parameters still zero. */
tfx_status tfx_trainer_enter_stage(tfx_trainer *t, uint32_t index, tfx_error *err);
/* Records the stage that was entered, unless it is there already, and opens its data. */
tfx_status tfx_trainer_open_stage(tfx_trainer *t, tfx_error *err);
/* Saves what there is now and makes it the lineage's newest checkpoint; when that is whole and recorded, older
 * ones may go. `growth` (NULL: none): the event that made it. A periodic one may become all that later: see below. */
tfx_status tfx_trainer_checkpoint(tfx_trainer *t, const char *reason, tfx_growth_row *growth, int ends_stage,
                                  tfx_error *err);
/* Records the checkpoint that is on its way to disk, if there is one, and it has arrived; with `wait` when it has. */
tfx_status tfx_trainer_settle(tfx_trainer *t, int wait, tfx_error *err);

#endif
