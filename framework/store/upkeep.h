/* Upkeep: what the removal of checkpoints' files and of whole experiments asks the database, and writes. */
#ifndef TFX_STORE_UPKEEP_H
#define TFX_STORE_UPKEEP_H

#include "framework/store/rows.h"
#include "framework/store/store.h"

/* A checkpoint whose files have not been removed, as far as the database knows. */
typedef struct tfx_stored_files {
    tfx_id id;
    int64_t step, bytes;
    double val_loss; /* NaN: none */
    char *path;      /* its folder, relative to the database's folder */
    char *reason;
    int superseded; /* it does not count; a later one may have its folder */
} tfx_stored_files;

/* Those of a run, oldest first. */
tfx_status tfx_store_files_of(tfx_store *s, tfx_id run, tfx_stored_files **out, size_t *n, tfx_error *err);
void tfx_stored_files_finish(tfx_stored_files *list, size_t n);
/* Whether any checkpoint's files should be in that folder. */
int tfx_store_is_in_use(tfx_store *s, const char *path, tfx_error *err);
/* Whether this is the folder of any run. */
int tfx_store_is_run_folder(tfx_store *s, const char *directory, tfx_error *err);

/* A run that is not done and whose arm starts from another one. */
typedef struct tfx_open_start {
    tfx_id run, experiment;
    int64_t seed;
    char *start; /* as the spec says it */
} tfx_open_start;

/* Those of all experiments, by run. */
tfx_status tfx_store_open_starts(tfx_store *s, tfx_open_start **out, size_t *n, tfx_error *err);
void tfx_open_starts_finish(tfx_open_start *list, size_t n);

/* Runs that have a folder, by id: all, or those of an experiment; fills *ids (malloced). */
tfx_status tfx_store_started_runs(tfx_store *s, tfx_id experiment, tfx_id **ids, size_t *n, tfx_error *err);

/* Rewrites the file without the space of rows that are gone. Nobody else can write meanwhile. */
tfx_status tfx_store_vacuum(tfx_store *s, tfx_error *err);
/* What SQLite finds wrong with the file, and rows that refer to none; at most 20 lines, none when it is whole: problem. */
tfx_rows *tfx_query_problems(tfx_store *s, tfx_error *err);

/* ---- a whole experiment ---- */

typedef struct tfx_store_extent {
    int64_t runs, checkpoints, bytes; /* checkpoints that have files, and what these take */
    int64_t metrics;                  /* that count */
} tfx_store_extent;
tfx_status tfx_store_extent_of(tfx_store *s, tfx_id experiment, tfx_store_extent *out, tfx_error *err);

/* Runs of other experiments that have started from its checkpoints: run, experiment's id and name. The caller closes
 * the rows. */
tfx_rows *tfx_query_heirs(tfx_store *s, tfx_id experiment, tfx_error *err);

/* Marks all its checkpoints as deleted, before their files go. */
tfx_status tfx_store_mark_files_removed(tfx_store *s, tfx_id experiment, tfx_error *err);
/* Removes its rows from all tables, and leaves one in `removed`. `n_started`: of its runs have a folder; when others have
 * begun since, it is refused. */
tfx_status tfx_store_remove_experiment(tfx_store *s, tfx_id experiment, size_t n_started, tfx_error *err);

#endif
