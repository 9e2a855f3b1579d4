/* Resume: which checkpoint a run goes on from. It is the newest; but whoever removes that one's folder, because it is
 * damaged, steps back to the one before, and the run comes to the same bits a little later. */
#ifndef TFX_TRAIN_RESUME_H
#define TFX_TRAIN_RESUME_H

#include "framework/store/store.h"

/* The newest checkpoint of the run whose folder is there, or, where only the newest of all was recorded or none of
 * them has its folder, that; id 0: the run has none. Checkpoints at the step of a newer one (before and after growth)
 * are passed over: what the newer one recorded at that step would stay. `root` is the database's folder. The caller
 * finishes *out. */
tfx_status tfx_resume_find(tfx_store *store, tfx_id run, const char *root, tfx_checkpoint_info *out, tfx_error *err);

/* After `err` says why a run cannot go on from `failed`: if that is damaged and an older one is whole, says which, and
 * how to go on from it. */
void tfx_resume_advise(tfx_store *store, const tfx_checkpoint_info *failed, const char *root, tfx_error *err);

#endif
