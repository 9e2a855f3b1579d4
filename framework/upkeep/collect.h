/* Collect: which checkpoints keep their files once their runs are over, and what lies about that no row knows.
 *
 * A checkpoint is marked as deleted before its files go: whoever is killed in between leaves a folder that no row is
 * about, and the next call finds that. A run is looked at and marked in one write transaction, and its folder stays
 * locked until the files are gone, so that no process can begin to execute it meanwhile. */
#ifndef TFX_UPKEEP_COLLECT_H
#define TFX_UPKEEP_COLLECT_H

#include "framework/store/store.h"

typedef struct tfx_gc_policy {
    int64_t newest; /* checkpoints of each run */
    int best;       /* the one with the lowest validation loss of each run */
    int stages;     /* both sides of each growth, and the end */
} tfx_gc_policy;

/* Why a checkpoint stays; the first reason that holds. */
typedef enum tfx_gc_fate {
    TFX_GC_REMOVED = 0,
    TFX_GC_EXECUTED, /* its run is */
    TFX_GC_RESUME,   /* its run goes on from there */
    TFX_GC_ORIGIN,   /* another run, or growth, has started there */
    TFX_GC_START,    /* a run that is not done will */
    TFX_GC_NEWEST,
    TFX_GC_BEST,
    TFX_GC_STAGE,
    TFX_GC_UNKNOWN, /* a run's folder that no run of this database is about: perhaps one of another database */
    TFX_GC_FATES
} tfx_gc_fate;

typedef struct tfx_gc_item {
    tfx_id run, checkpoint; /* 0: no row is about this folder */
    int64_t step, bytes;
    char *path, *reason; /* reason of a checkpoint; NULL: none */
    tfx_gc_fate fate;
} tfx_gc_item;

typedef struct tfx_gc {
    tfx_gc_item *items;
    size_t n, cap;
} tfx_gc;

/* Goes through the runs of some experiments, or with n = 0 through all and the folders of runs beside them. `apply`:
 * removes what has that fate; otherwise nothing changes. After an error *out has what was done. */
tfx_status tfx_gc_run(tfx_store *store, const tfx_id *experiments, size_t n, const tfx_gc_policy *policy, int apply,
                      tfx_gc *out, tfx_error *err);
void tfx_gc_finish(tfx_gc *g);

#endif
