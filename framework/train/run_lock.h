/* Run lock: which process executes a run. It holds a lock on the run's folder from before the run is marked as
 * running until it ends; what the database says of its process is for people to read. */
#ifndef TFX_TRAIN_RUN_LOCK_H
#define TFX_TRAIN_RUN_LOCK_H

#include "framework/store/store.h"

typedef struct tfx_run_lock {
    char *directory; /* of the run, relative to the database's folder */
    int lock;
    int taken; /* another process executes the run, or has done so since this one was started */
} tfx_run_lock;

/* An error that names the process which executes one of the runs. One that is about to end is waited for. */
tfx_status tfx_run_lock_check(tfx_store *store, const tfx_id *runs, size_t n, tfx_error *err);

/* Whether another process executes the run now. */
int tfx_run_lock_is_taken(tfx_store *store, tfx_id run);

/* Makes this process the one that executes the run, and records that it has started. The folder of a run
 * that has none yet is made. */
tfx_status tfx_run_lock_take(tfx_run_lock *l, tfx_store *store, tfx_id run, tfx_id environment, tfx_error *err);
/* After the run's end has been recorded; what was not taken may be released, too. */
void tfx_run_lock_release(tfx_run_lock *c);

#endif
