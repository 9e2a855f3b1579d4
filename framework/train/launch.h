/* Launch: the row of an experiment whose runs are to be executed: a new one, or the one to go on with. */
#ifndef TFX_TRAIN_LAUNCH_H
#define TFX_TRAIN_LAUNCH_H

#include "framework/train/selection.h"

/* Records the experiment with all its arms and planned runs, whatever is selected, and what its spec took from elsewhere
 * (`taken`; NULL: nothing). A selection that is not all of
 * it goes into the newest row of this very spec if none of the selected runs was executed there, so that the parts
 * of an experiment come together in one row. Returns the experiment's id, or 0 with a message. */
tfx_id tfx_launch_record(tfx_store *store, const tfx_selection *s, const char *profile, const tfx_lookup *taken,
                         tfx_error *err);

/* The interrupted experiment with this very spec that a resume continues, or the newest of this name, if it was recorded with
 * what an earlier version made of that spec; 0 with a message. Refuses while a process executes one of the selected runs. */
tfx_id tfx_launch_find_interrupted(tfx_store *store, const tfx_registry *registry, const tfx_selection *s,
                                   tfx_error *err);

/* The newest experiment of this name, which goes on with this spec: it may have more arms and seeds than before
 * (framework/spec/extension.h), which are recorded as planned, and whatever was executed stays. Returns its id; 0 with a
 * message, and nothing changed, where there is none, where the spec says something else, while a process executes one of
 * its runs, or where a new arm would start from what a run that is past it has not left. */
tfx_id tfx_launch_extend(tfx_store *store, const tfx_registry *registry, const tfx_selection *s,
                         const tfx_lookup *taken, tfx_error *err);

#endif
