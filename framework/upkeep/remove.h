/* Remove: a whole experiment, rows and folders.
 *
 * First its checkpoints are marked as deleted, then folders go, then rows: whoever is killed in between leaves an
 * experiment without files, and removing that one finishes the work. */
#ifndef TFX_UPKEEP_REMOVE_H
#define TFX_UPKEEP_REMOVE_H

#include "framework/store/upkeep.h"

/* What there is to remove; with `apply` it is gone afterwards. Refused while a process executes one of its runs, and where
 * runs of other experiments have started from its checkpoints, or will: the message names them. */
tfx_status tfx_remove_experiment(tfx_store *store, tfx_id experiment, int apply, tfx_store_extent *out, tfx_error *err);

#endif
