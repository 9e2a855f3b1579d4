/* Capacity: whether what is planned fits the machine, its memory and its disk. */
#ifndef TFX_PLAN_CAPACITY_H
#define TFX_PLAN_CAPACITY_H

#include "framework/plan/arm.h"

/* What does not fit: TFX_OK, or a message with the largest stage's peak, its parts and
 * what the machine has. */
tfx_status tfx_arm_plan_fits(const tfx_arm_plan *p, const tfx_device *device, tfx_error *err);

/* Bytes of memory that a run's process takes at most: in its largest stage, or in the model that it grows from. */
uint64_t tfx_arm_plan_process_bytes(const tfx_arm_plan *p);

/* Bytes of checkpoints: of one run at most at one time, of one finished run, and of all
 * arms with n_seeds runs each, executed in this order and `jobs` at once, at most at one time. */
uint64_t tfx_arm_plan_disk_bytes(const tfx_arm_plan *p);
uint64_t tfx_arm_plan_final_bytes(const tfx_arm_plan *p);
uint64_t tfx_plan_disk_bytes(tfx_arm_plan *const *arms, size_t n, size_t n_seeds, size_t jobs);

/* Whether the checkpoints of all runs of these arms, n_seeds each and `jobs` at once, have room on the file system
 * that holds `path`; a message names `spec`. */
tfx_status tfx_plan_fits_disk(tfx_arm_plan *const *arms, size_t n, size_t n_seeds, size_t jobs, const char *spec,
                              const char *path, tfx_error *err);

#endif
