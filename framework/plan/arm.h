/* Plan of an arm: all its stages, checked against each other, the data and the machine. */
#ifndef TFX_PLAN_ARM_H
#define TFX_PLAN_ARM_H

#include "framework/plan/stage.h"
#include "framework/plan/validation_set.h"

typedef struct tfx_arm_plan {
    const tfx_arm *arm;
    tfx_scaling *policy; /* NULL: does not grow */
    tfx_stage_plan **stages;
    uint32_t n_stages;
    tfx_validation_set validation; /* filled by tfx_arm_plan_check_data */
} tfx_arm_plan;

/* Plans every stage: models and growth chain. NULL with a message that names file and
 * line. Does not look at the
 * data, nor judge whether it fits the machine. */
tfx_arm_plan *tfx_arm_plan_create(const tfx_experiment *e, const tfx_arm *arm, const tfx_registry *registry,
                                  const tfx_device *device, tfx_error *err);
void tfx_arm_plan_destroy(tfx_arm_plan *p);

/* Totals over all stages: training tokens and FLOPs (without recomputation). */
double tfx_arm_plan_tokens(const tfx_arm_plan *p);
double tfx_arm_plan_flops(const tfx_arm_plan *p);

/* Bytes of checkpoints: of one run at most at one time, of one finished run, and of all
 * arms with n_seeds runs each, one run after the other, at most at one time. */
uint64_t tfx_arm_plan_disk_bytes(const tfx_arm_plan *p);
uint64_t tfx_arm_plan_final_bytes(const tfx_arm_plan *p);
uint64_t tfx_plan_disk_bytes(tfx_arm_plan *const *arms, size_t n, size_t n_seeds);

/* Whether the arm's data can be opened and its tokens fit the vocabulary, a message when not; and which of
 * them will be evaluated. */
tfx_status tfx_arm_plan_check_data(const tfx_experiment *e, tfx_arm_plan *p, tfx_error *err);

/* What does not fit: TFX_OK, or a message with the largest stage's peak, its parts and
 * what the machine has. */
tfx_status tfx_arm_plan_fits(const tfx_arm_plan *p, const tfx_device *device, tfx_error *err);

/* Opens an experiment's backend. */
tfx_status tfx_device_open(tfx_device *d, const tfx_experiment *e, tfx_error *err);
void tfx_device_close(tfx_device *d);

#endif
