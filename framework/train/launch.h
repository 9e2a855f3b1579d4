/* Launch: executes an experiment, one worker process per run, one after the other.
 *
 * A run has a process of its own so that a crash ends that run alone, and so that its
 * memory returns whole. */
#ifndef TFX_TRAIN_LAUNCH_H
#define TFX_TRAIN_LAUNCH_H

#include <signal.h>

#include "framework/train/selection.h"

/* Records the experiment with all its arms and planned runs, whatever is selected. A selection that is not all of
 * it goes into the newest row of this very spec if none of the selected runs was executed there, so that the parts
 * of an experiment come together in one row. Returns the experiment's id, or 0 with a message. */
tfx_id tfx_launch_record(tfx_store *store, const tfx_selection *s, const char *profile, tfx_error *err);

/* The interrupted experiment with this very spec that a resume continues; 0 with a message. Refuses
 * while a process executes one of the selected runs. */
tfx_id tfx_launch_find_interrupted(tfx_store *store, const tfx_selection *s, tfx_error *err);

typedef struct tfx_launch_result {
    size_t n_failed;
    int interrupted;
} tfx_launch_result;

/* Executes every selected run of the experiment that is not done, what others start from before them. `command` is the program and the
 * arguments that execute one run; "{run}" in it stands for the run's id, "{crash}" for a file descriptor to
 * which the process writes what made it crash. */
tfx_status tfx_launch_runs(tfx_store *store, tfx_id experiment, const tfx_selection *s, const char *const *command,
                           const volatile sig_atomic_t *stop, tfx_launch_result *result, tfx_error *err);

#endif
