/* Jobs: executes the runs of an experiment, some at once, each in a process of its own.
 *
 * A crash ends one run alone, and its memory returns whole. */
#ifndef TFX_TRAIN_JOBS_H
#define TFX_TRAIN_JOBS_H

#include <signal.h>

#include "framework/plan/arm.h"
#include "framework/train/queue.h"
#include "framework/train/selection.h"

typedef struct tfx_jobs_params {
    tfx_store *store;
    tfx_id experiment;
    const tfx_selection *selection;
    tfx_arm_plan *const *plans; /* of each arm of the experiment */
    tfx_queue_limits limits;
    /* The program and the arguments that execute one run; see process.h. */
    const char *const *command;
    const volatile sig_atomic_t *stop;
} tfx_jobs_params;

typedef struct tfx_jobs_result {
    size_t n_failed;
    int interrupted;
} tfx_jobs_result;

/* Executes every selected run of the experiment that is not done, what others start from before them. When *stop
 * becomes nonzero, or one of the processes was asked to stop, all of them finish their step and write a checkpoint. */
tfx_status tfx_jobs_execute(const tfx_jobs_params *p, tfx_jobs_result *result, tfx_error *err);

#endif
