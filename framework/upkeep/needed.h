/* Needed: the checkpoints that runs which are not done will start from. */
#ifndef TFX_UPKEEP_NEEDED_H
#define TFX_UPKEEP_NEEDED_H

#include "framework/store/store.h"

typedef struct tfx_needed {
    struct tfx_need {
        tfx_id checkpoint;
        tfx_id run, experiment; /* that will start there */
    } * list;
    size_t n, cap;
} tfx_needed;

/* Those of all experiments in the database. A start that is not there yet, or is no more, is in nobody's way. */
tfx_status tfx_needed_find(tfx_needed *out, tfx_store *store, tfx_error *err);
void tfx_needed_finish(tfx_needed *n);

/* Who needs a checkpoint; NULL: nobody. */
const struct tfx_need *tfx_needed_by(const tfx_needed *n, tfx_id checkpoint);

#endif
