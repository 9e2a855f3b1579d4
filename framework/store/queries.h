/* Queries: what reports ask the store. Each gives rows with the columns that it names, in that order, or NULL with a
 * message; the caller closes them. Only rows that count are in them, unless said otherwise. */
#ifndef TFX_STORE_QUERIES_H
#define TFX_STORE_QUERIES_H

#include "framework/store/rows.h"
#include "framework/store/store.h"

/* ---- several runs ---- */

/* Every run of an experiment, with its cost and outcome. */
tfx_rows *tfx_query_outcomes(tfx_store *s, tfx_id experiment, tfx_error *err);
/* The failed ones: run, arm, seed, detail. */
tfx_rows *tfx_query_failures(tfx_store *s, tfx_id experiment, tfx_error *err);
/* All runs, newest first, of experiments with this name or id unless it is NULL, that have each of these tags ("KEY",
 * or "KEY=VALUE"): for people, or everything. */
tfx_rows *tfx_query_runs(tfx_store *s, const char *experiment, const char *const *tags, size_t n_tags, int everything,
                         tfx_error *err);
/* Each name of an experiment, once. */
tfx_rows *tfx_query_experiment_names(tfx_store *s, tfx_error *err);
/* Each name of an arm in experiments of that name, once. */
tfx_rows *tfx_query_arm_names(tfx_store *s, const char *experiment, tfx_error *err);
/* Every evaluation of an experiment: arm, seed, run, stage, model, cost, val_loss, bits_per_byte. The cost is one
 * of scaling_curve's columns. */
tfx_rows *tfx_query_curve(tfx_store *s, tfx_id experiment, const char *cost, tfx_error *err);

/* Each arm of an experiment: name, which twin it is, of which arm (both NULL: it is none), of which arm it is a point, and
 * the best of the same search of learning rates (both NULL: none other). */
tfx_rows *tfx_query_twins(tfx_store *s, tfx_id experiment, tfx_error *err);
/* The ends of the finished runs of an experiment; with `curve` every evaluation of every run, which are decayed: 0. */
tfx_rows *tfx_query_endpoints(tfx_store *s, tfx_id experiment, int curve, tfx_error *err);
/* The other runs: arm, seed, status. */
tfx_rows *tfx_query_unfinished(tfx_store *s, tfx_id experiment, tfx_error *err);
/* Columns of the rows of tfx_query_endpoints. */
enum {
    TFX_ENDPOINT_ARM,
    TFX_ENDPOINT_SEED,
    TFX_ENDPOINT_RUN,
    TFX_ENDPOINT_STAGE,
    TFX_ENDPOINT_MODEL,
    TFX_ENDPOINT_PARAMETERS,
    TFX_ENDPOINT_LOSS,
    TFX_ENDPOINT_DECAYED,
    TFX_ENDPOINT_DATA_ORDER,
    TFX_ENDPOINT_EVAL_HASH,
    TFX_ENDPOINT_COSTS /* FLOPs, tokens, seconds; each including and excluding ancestors */
};

/* ---- one run ---- */

typedef enum tfx_run_part {
    TFX_PART_RUN = 0, /* one row; so is TFX_PART_ENVIRONMENT, when there is one */
    TFX_PART_STAGES,
    TFX_PART_METRICS,
    TFX_PART_CHECKPOINTS,
    TFX_PART_GROWTH_EVENTS,
    TFX_PART_PLUGINS,
    TFX_PART_ENVIRONMENT,
    TFX_PART_SLICES,
    TFX_PART_TAGS,
    TFX_PART_NOTES /* those of its experiment, too */
} tfx_run_part;
/* For people, or everything that the tables have. */
tfx_rows *tfx_query_run(tfx_store *s, tfx_id run, tfx_run_part part, int everything, tfx_error *err);

/* ---- lineage; superseded rows count here ---- */

/* A checkpoint and all that it descends from, first ancestor first. */
tfx_rows *tfx_query_ancestry(tfx_store *s, tfx_id checkpoint, tfx_error *err);
/* Columns of the rows of tfx_query_ancestry. */
enum {
    TFX_ANCESTRY_CHECKPOINT,
    TFX_ANCESTRY_DISTANCE,
    TFX_ANCESTRY_PARENT,
    TFX_ANCESTRY_GROWTH_EVENT,
    TFX_ANCESTRY_EXPERIMENT_ID,
    TFX_ANCESTRY_EXPERIMENT,
    TFX_ANCESTRY_ARM,
    TFX_ANCESTRY_SEED,
    TFX_ANCESTRY_RUN,
    TFX_ANCESTRY_STAGE,
    TFX_ANCESTRY_MODEL,
    TFX_ANCESTRY_PARAMETERS,
    TFX_ANCESTRY_STEP,
    TFX_ANCESTRY_TOKENS,
    TFX_ANCESTRY_FLOPS,
    TFX_ANCESTRY_SECONDS,
    TFX_ANCESTRY_VAL_LOSS,
    TFX_ANCESTRY_REASON,
    TFX_ANCESTRY_PATH,
    TFX_ANCESTRY_HASH,
    TFX_ANCESTRY_DELETED,
    TFX_ANCESTRY_SUPERSEDED,
    TFX_ANCESTRY_STEPS_INCL,
    TFX_ANCESTRY_TOKENS_INCL,
    TFX_ANCESTRY_FLOPS_INCL,
    TFX_ANCESTRY_SECONDS_INCL
};
/* The growth events on that way, with everything. */
tfx_rows *tfx_query_growth_events(tfx_store *s, tfx_id checkpoint, tfx_error *err);
/* One of them: from_model, to_model, policy, parameters_before, parameters_after, carried_parameters,
 * probe_loss_before, probe_loss_after, probe_max_abs_delta_logit. */
tfx_rows *tfx_query_growth_event(tfx_store *s, tfx_id event, tfx_error *err);
/* Whether a growth event or another run starts from a checkpoint. */
int tfx_query_is_origin(tfx_store *s, tfx_id checkpoint, tfx_error *err);

/* ---- the user's own ---- */

/* Exactly one statement that can only read, on a store opened for reading. Errors show where in the text they are,
 * and the nearest table or column. */
tfx_rows *tfx_query_user(tfx_store *s, const char *sql, tfx_error *err);

#endif
