/* Trainer: trains one (arm, seed) from its beginning or its last checkpoint to the end. */
#ifndef TFX_TRAIN_TRAINER_H
#define TFX_TRAIN_TRAINER_H

#include <signal.h>

#include "framework/plan/arm.h"
#include "framework/store/store.h"

typedef struct tfx_trainer_params {
    const tfx_experiment *experiment;
    tfx_arm_plan *plan;
    const tfx_registry *registry;
    const tfx_device *device;
    tfx_store *store;
    tfx_id run;
    int64_t seed;
    const char *root;                  /* the database's folder */
    const char *directory;             /* of the run, relative to root */
    const char *label;                 /* for progress lines */
    int progress_fd;                   /* where they are shown by another process; -1: by this one */
    int growth_only;                   /* no steps: it ends when it has grown at its start */
    const volatile sig_atomic_t *stop; /* nonzero: finish the step, checkpoint, return */
} tfx_trainer_params;

/* Continues from the run's latest checkpoint when it has one. TFX_OK with *interrupted set
 * when `stop` asked for it. The run's row is the caller's to start and end. */
tfx_status tfx_trainer_run(const tfx_trainer_params *p, int *interrupted, tfx_error *err);

#endif
