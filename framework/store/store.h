/* Store: the SQLite file that holds every run, metric, checkpoint and growth event.
 *
 * WAL, a busy timeout, short transactions, one writer connection per process. Several
 * processes may write to one file at the same time. Schema: framework/store/schema.sql;
 * documentation: docs/database.md. All functions are called from the main thread. */
#ifndef TFX_STORE_STORE_H
#define TFX_STORE_STORE_H

#include <stdint.h>

#include "framework/base/error.h"
#include "framework/checkpoint/layout.h"

typedef struct tfx_store tfx_store;
typedef int64_t tfx_id; /* a row id; 0 stands for SQL NULL */

typedef enum tfx_store_mode {
    TFX_STORE_READ = 0, /* the file must exist; nothing can be written through it */
    TFX_STORE_WRITE = 1 /* created and migrated as needed */
} tfx_store_mode;

/* A file from a newer tfx (user_version above ours) or that is not a tfx database is
 * refused with a message. */
tfx_store *tfx_store_open(const char *path, tfx_store_mode mode, tfx_error *err);
void tfx_store_close(tfx_store *s);
const char *tfx_store_path(const tfx_store *s);
/* The folder that holds the file, absolute and without links: paths in the database start there. A
 * heap string. */
char *tfx_store_folder(const tfx_store *s);
/* The log of the run whose folder this is. A heap string. */
char *tfx_store_log(const tfx_store *s, const char *directory);

/* Groups what is written between them into one short transaction. */
tfx_status tfx_store_begin(tfx_store *s, tfx_error *err);
tfx_status tfx_store_commit(tfx_store *s, tfx_error *err);
void tfx_store_rollback(tfx_store *s);
/* What is read between them is the database as it was at one moment, whatever other processes write. */
tfx_status tfx_store_begin_reading(tfx_store *s, tfx_error *err);
void tfx_store_end_reading(tfx_store *s);

/* ---- writing; every function returns the new row's id, or 0 with a message ---- */

/* One call of `tfx run`, and those that execute further parts of it. `spec` is the resolved text, `spec_path` the
 * file it came from. */
tfx_id tfx_store_add_experiment(tfx_store *s, const char *name, const char *description, const char *spec_path,
                                const char *profile, const char *spec, tfx_error *err);
/* The experiment goes on with another spec, which has more arms or seeds. */
tfx_status tfx_store_set_spec(tfx_store *s, tfx_id experiment, const char *description, const char *spec,
                              tfx_error *err);
/* `train` is the arm's resolved settings as JSON. scaling and start (as the spec says it) may be NULL. */
tfx_id tfx_store_add_arm(tfx_store *s, tfx_id experiment, const char *name, const char *model, const char *scaling,
                         const char *start, const char *train_json, tfx_error *err);

/* What made an arm, where the spec does not say it itself; each may be NULL. */
typedef struct tfx_arm_made {
    const char *sweep, *base,
        *point;                 /* the sweep, the arm that it is a point of, and its keys and values there as JSON */
    const char *twin, *twin_of; /* which twin, of which arm */
} tfx_arm_made;
tfx_status tfx_store_set_arm_made(tfx_store *s, tfx_id arm, const tfx_arm_made *made, tfx_error *err);
/* The reference that its learning rate is. */
tfx_status tfx_store_set_arm_search(tfx_store *s, tfx_id arm, const char *expression, tfx_error *err);

typedef struct tfx_environment {
    const char *tfx_version, *abi_version, *git_commit; /* git_commit may be NULL */
    const char *host, *os, *cpu;
    int64_t n_cores, memory_bytes;
    const char *backend;        /* as it describes itself */
    const char *libraries_json; /* {"sqlite": "3.40.1", ...} */
} tfx_environment;
/* Returns the existing row when an equal one is there. */
tfx_id tfx_store_add_environment(tfx_store *s, const tfx_environment *e, tfx_error *err);

/* A run in status 'planned'. */
tfx_id tfx_store_add_run(tfx_store *s, tfx_id arm, int64_t seed, tfx_error *err);
/* The plugin files a run uses; equal ones are stored once and linked. */
tfx_status tfx_store_add_run_plugin(tfx_store *s, tfx_id run, const char *name, const char *version, const char *abi,
                                    const char *path, const char *hash, tfx_error *err);
/* Whether the run has been executed with a plugin of that name, and always with another file. */
int tfx_store_run_plugin_changed(tfx_store *s, tfx_id run, const char *name, const char *hash, tfx_error *err);

typedef enum tfx_run_status {
    TFX_RUN_PLANNED = 0,
    TFX_RUN_RUNNING,
    TFX_RUN_DONE,
    TFX_RUN_INTERRUPTED, /* stopped on request, resumable */
    TFX_RUN_FAILED       /* an error, or a signal; resumable when it has a checkpoint */
} tfx_run_status;
const char *tfx_run_status_name(tfx_run_status s);

/* Marks a run as started by this process (host, pid, time, environment, directory). */
tfx_status tfx_store_start_run(tfx_store *s, tfx_id run, tfx_id environment, const char *directory, int64_t pid,
                               tfx_error *err);
/* `detail` may be NULL: an error message, or "killed by signal 9 (Killed)". */
tfx_status tfx_store_end_run(tfx_store *s, tfx_id run, tfx_run_status status, const char *detail, tfx_error *err);

typedef struct tfx_stage_row {
    tfx_id run;
    int64_t index; /* 0: from init */
    const char *model;
    int64_t n_params;       /* stored elements */
    double flops_per_token; /* forward + backward, matmul and attention, without recomputation */
    int64_t planned_steps;  /* at most */
    int64_t first_step;     /* steps of the run before this stage */
    int64_t planned_peak_bytes;
    tfx_id parent_checkpoint;     /* 0: from init */
    int64_t context, micro_batch; /* with the seed and `data` they are the order of the training data */
    const char *data;             /* hash of the loader's name and options */
} tfx_stage_row;
/* Returns the existing row of (run, index) when there is one (a resumed run). */
tfx_id tfx_store_add_stage(tfx_store *s, const tfx_stage_row *row, tfx_error *err);
/* What a stage's evaluations score: so many tokens, with this hash. */
tfx_status tfx_store_set_evaluated(tfx_store *s, tfx_id stage, int64_t tokens, const char *hash, tfx_error *err);
/* The run starts from a checkpoint that this database has no row of; other runs spent `cost` on it, as it says. */
tfx_status tfx_store_set_outside_start(tfx_store *s, tfx_id run, const char *path, const char *hash,
                                       const tfx_spent *cost, tfx_error *err);
typedef struct tfx_stage_end {
    int64_t steps, peak_rss_bytes;
    double peak_lr, last_lr; /* of the schedule that the stage is in, and of the last step; NaN: it had no step */
} tfx_stage_end;

tfx_status tfx_store_end_stage(tfx_store *s, tfx_id stage, const tfx_stage_end *end, tfx_error *err);

/* Metric names in use: train_loss, val_loss, val_bpb, lr, grad_norm, tokens_per_second; loss.NAME and layer.NAME, which layers report. */
typedef struct tfx_metric_row {
    tfx_id run, stage;
    int64_t step;   /* optimizer steps done in the run */
    int64_t tokens; /* training tokens seen in the run */
    double flops;   /* training FLOPs of this run up to here */
    double seconds; /* training time of this run up to here, over all its processes */
    const char *name;
    double value; /* NaN and infinities are stored as NULL */
} tfx_metric_row;
/* Also updates metric_latest. */
tfx_status tfx_store_add_metric(tfx_store *s, const tfx_metric_row *row, tfx_error *err);

/* One parameter at one measured step: its old or its new slices (framework/plan/slices.h). */
typedef struct tfx_slice_row {
    tfx_id run, stage;
    int64_t step;
    const char *parameter; /* its path */
    int is_new;
    int64_t elements;
    double gradient_norm, update_norm, weight_norm; /* NaN and infinities are stored as NULL, as below */
    int64_t slots;                                  /* 0: the parameter is not one whose slots add to an output; */
    double energy_share;                            /* then these are NULL */
    int64_t dead_slots;
} tfx_slice_row;
/* In place of what was measured there before. */
tfx_status tfx_store_add_slices(tfx_store *s, const tfx_slice_row *rows, size_t n, tfx_error *err);

/* After a resume from `step`: rows of the run after that step (metrics, checkpoints, growth events, stages, slices) no
 * longer count. They stay in the table, marked superseded, and metric_latest is made right again. */
tfx_status tfx_store_supersede(tfx_store *s, tfx_id run, int64_t step, tfx_error *err);

typedef struct tfx_checkpoint_row {
    tfx_id run, stage;
    int64_t step, tokens;
    double flops, seconds;
    const char *path;      /* folder, relative to the database's folder */
    const char *hash;      /* of model.safetensors, 32 hex digits */
    int64_t bytes;         /* of all its files */
    double val_loss;       /* of the last evaluation; NaN: none */
    tfx_id parent;         /* previous checkpoint of the lineage; 0: none */
    const char *reason;    /* "periodic", "stage_end", "grown", "interrupted", "final" */
    const char *json_hash; /* of checkpoint.json; NULL: none */
} tfx_checkpoint_row;
tfx_id tfx_store_add_checkpoint(tfx_store *s, const tfx_checkpoint_row *row, tfx_error *err);
/* The files of a periodic checkpoint were removed; the row stays for the lineage. */
tfx_status tfx_store_mark_checkpoint_deleted(tfx_store *s, tfx_id checkpoint, tfx_error *err);

typedef struct tfx_growth_row {
    tfx_id run;
    tfx_id from_checkpoint, to_checkpoint;
    int64_t step;
    const char *from_model, *to_model, *policy;
    int64_t params_before, params_after;
    int64_t carried_params;  /* elements copied from the old model */
    int keeps_function;      /* it was known to, before it was made */
    const char *argument;    /* why, or why that is not known */
    const char *params_json; /* [{"path":..., "from":[...], "to":[...], "rule":...}, ...] */
    double probe_loss_before, probe_loss_after;
    double probe_max_abs_delta_logit;
    double seconds;
    const char *reason; /* why the policy ended the stage before its steps were over; NULL: it did not */
} tfx_growth_row;
/* Also adds the lineage edge from_checkpoint -> to_checkpoint. */
tfx_id tfx_store_add_growth_event(tfx_store *s, const tfx_growth_row *row, tfx_error *err);

/* ---- reading what a run needs; strings are malloced and owned by the caller ----
 *
 * A value that cannot be (an unknown status, a negative count, a path that leads out of the database's folder) is an
 * error. What reports read is in framework/store/queries.h. */

typedef struct tfx_run_info {
    tfx_id run, arm, experiment;
    char *arm_name, *experiment_name, *directory, *spec, *profile;
    int64_t seed;
    tfx_run_status status;
    int64_t pid; /* of the process that started it last; 0: none */
    char *host;
} tfx_run_info;
/* TFX_E_INVALID when there is no such run. */
tfx_status tfx_store_run_info(tfx_store *s, tfx_id run, tfx_run_info *out, tfx_error *err);
void tfx_run_info_finish(tfx_run_info *i);

/* Runs of an experiment row, in (arm, seed) order: fills *ids (malloced). */
tfx_status tfx_store_runs_of(tfx_store *s, tfx_id experiment, tfx_id **ids, size_t *n, tfx_error *err);
/* The run of an arm with a seed in an experiment; 0 with a message when there is none. */
tfx_id tfx_store_run_of(tfx_store *s, tfx_id experiment, const char *arm, int64_t seed, tfx_error *err);
/* The newest experiment row with this name and spec text (any status), or else the newest with this text, which was
 * given another name since; 0 without message when none. */
tfx_id tfx_store_find_experiment(tfx_store *s, const char *name, const char *spec, tfx_error *err);
/* The resolved text of an experiment; heap, NULL with a message. */
char *tfx_store_spec(tfx_store *s, tfx_id experiment, tfx_error *err);
/* The arm of that name, and whether it has a run with that seed; 0 without message when not. */
tfx_id tfx_store_arm_of(tfx_store *s, tfx_id experiment, const char *arm, tfx_error *err);
int tfx_store_arm_has_seed(tfx_store *s, tfx_id arm, int64_t seed, tfx_error *err);
/* The newest experiment row with this name; 0 without message when none. */
tfx_id tfx_store_newest_experiment(tfx_store *s, const char *name, tfx_error *err);
int tfx_store_has_experiment(tfx_store *s, tfx_id experiment, tfx_error *err);

/* A finished run of that arm, in the newest experiment of that name that has one; with this seed where there is such a
 * run, otherwise with the lowest. 0 without message when none. */
tfx_id tfx_store_finished_run(tfx_store *s, const char *experiment, const char *arm, int64_t seed, tfx_error *err);
/* The evaluations of a run that count, in order: FLOPs spent by it and losses, both malloced. */
tfx_status tfx_store_val_losses(tfx_store *s, tfx_id run, double **flops, double **loss, size_t *n, tfx_error *err);

typedef struct tfx_checkpoint_info {
    tfx_id id, run, stage, parent;
    int64_t step, tokens, stage_index, stage_first_step;
    double flops, seconds, val_loss;
    char *path, *hash; /* path relative to the database's folder */
    char *json_hash;   /* NULL: written by tfx 0.1.0 */
    char *reason;
} tfx_checkpoint_info;
/* The newest whole checkpoint of a run that is neither superseded nor deleted. id 0 when there is none. */
tfx_status tfx_store_latest_checkpoint(tfx_store *s, tfx_id run, tfx_checkpoint_info *out, tfx_error *err);
/* The newest of them before `step`. */
tfx_status tfx_store_checkpoint_before(tfx_store *s, tfx_id run, int64_t step, tfx_checkpoint_info *out,
                                       tfx_error *err);
tfx_status tfx_store_checkpoint(tfx_store *s, tfx_id checkpoint, tfx_checkpoint_info *out, tfx_error *err);
void tfx_checkpoint_info_finish(tfx_checkpoint_info *i);
/* A checkpoint of the run, that still has files, at a step (before growth, where there is any), and at the end of a
 * stage or of the whole run (-1). id 0 when there is none. */
tfx_status tfx_store_checkpoint_at_step(tfx_store *s, tfx_id run, int64_t step, tfx_checkpoint_info *out,
                                        tfx_error *err);
tfx_status tfx_store_checkpoint_at_end(tfx_store *s, tfx_id run, int64_t stage, tfx_checkpoint_info *out,
                                       tfx_error *err);
/* The steps of all its checkpoints that still have files, as text: "4, 8, 12". NULL: it has none. */
char *tfx_store_checkpoint_steps(tfx_store *s, tfx_id run, tfx_error *err);
/* The checkpoint with this folder, as it is recorded or as a path from here; the name may end in that of its weights'
 * file. 0 without message when none. */
tfx_id tfx_store_checkpoint_in(tfx_store *s, const char *folder, tfx_error *err);
/* Periodic checkpoints of a run that still have files, oldest first: for pruning. */
tfx_status tfx_store_checkpoints_of(tfx_store *s, tfx_id run, const char *reason, tfx_checkpoint_info **out, size_t *n,
                                    tfx_error *err);

#endif
