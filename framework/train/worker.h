/* Worker: the process that executes one planned run, from what the database says. */
#ifndef TFX_TRAIN_WORKER_H
#define TFX_TRAIN_WORKER_H

#include <signal.h>

#include "framework/plugin/registry.h"
#include "framework/store/store.h"

typedef struct tfx_worker_params {
    const tfx_registry *registry;
    tfx_store *store;
    tfx_id run;
    int growth_only;                      /* the run ends when it has grown at its start */
    int progress_fd;                      /* to the command that started this process; -1: there is none */
    int64_t threads;                      /* of the backend; 0: as the spec says */
    const char *tfx_version, *git_commit; /* git_commit may be NULL */
    const volatile sig_atomic_t *stop;
} tfx_worker_params;

/* Loads the spec stored with the run, plans its arm, records environment and plugins,
 * trains, and records how the run ended. */
tfx_status tfx_worker_execute(const tfx_worker_params *p, int *interrupted, tfx_error *err);

#endif
