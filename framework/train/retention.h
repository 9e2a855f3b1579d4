/* Retention: which checkpoints of a run keep their files. */
#ifndef TFX_TRAIN_RETENTION_H
#define TFX_TRAIN_RETENTION_H

#include "framework/plan/branches.h"
#include "framework/store/store.h"

typedef struct tfx_retention {
    tfx_store *store;
    tfx_id run;
    const char *root; /* the database's folder */
    const tfx_experiment *experiment;
    const tfx_arm *arm;
} tfx_retention;

/* Removes the files that nothing needs any more once checkpoint `newest` is whole and recorded: those of `parent`,
 * the one before it (0: none), unless the ends of stages stay; of interruptions; and of periodic ones
 * beyond the number that is kept. Those from which other arms start stay. To be called again after a resume: whoever wrote the newest one may have been
 * killed before. */
tfx_status tfx_retention_apply(const tfx_retention *r, tfx_id newest, tfx_id parent, tfx_error *err);

#endif
