/* Provenance: what a run was made with, for the database: the machine, the libraries, and the plugins. */
#ifndef TFX_TRAIN_PROVENANCE_H
#define TFX_TRAIN_PROVENANCE_H

#include "framework/plan/arm.h"
#include "framework/store/store.h"

/* The row of this machine and program; git_commit may be NULL. */
tfx_id tfx_provenance_environment(tfx_store *store, const tfx_device *device, const char *tfx_version,
                                  const char *git_commit, tfx_error *err);

/* Records the plugin files that a run uses, each once. */
tfx_status tfx_provenance_plugins(tfx_store *store, tfx_id run, const tfx_registry *registry, const tfx_experiment *e,
                                  const tfx_arm_plan *plan, tfx_error *err);

#endif
