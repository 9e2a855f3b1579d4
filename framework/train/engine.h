/* Engine: one stage's programs on one device, with their memory. */
#ifndef TFX_TRAIN_ENGINE_H
#define TFX_TRAIN_ENGINE_H

#include "framework/checkpoint/checkpoint.h"
#include "framework/plan/stage.h"

typedef struct tfx_engine tfx_engine;

/* Allocates memory and compiles; parameters and state start at zero. */
tfx_engine *tfx_engine_create(const tfx_device *device, const tfx_stage_plan *plan, tfx_error *err);
void tfx_engine_destroy(tfx_engine *e);

/* Access for checkpoints, growth and tests. Valid while the engine is. */
tfx_state_io tfx_engine_io(tfx_engine *e);

/* Sets every parameter to its layer's initialisation. */
tfx_status tfx_engine_initialise(tfx_engine *e, uint64_t seed, tfx_error *err);
/* Sets only those that are never trained (tau): before loading a file that may lack them. */
tfx_status tfx_engine_initialise_fixed(tfx_engine *e, tfx_error *err);

/* Inputs of the next pass; tokens and targets are [micro_batch, context]. `pass` counts the
 * micro-batches of a run: each has dropout masks of its own. */
void tfx_engine_set_batch(tfx_engine *e, const int32_t *tokens, const int32_t *targets);
void tfx_engine_set_step(tfx_engine *e, double lr, uint64_t seed, uint64_t pass);

/* Whether passes and updates from here on are those that measure slices; the plan has them. */
void tfx_engine_measure(tfx_engine *e, int measured);
/* What the last ones of them found, until there are others: see slices.h and tfx_stage_program. */
const float *tfx_engine_slice_sums(const tfx_engine *e);
const float *tfx_engine_slice_energies(const tfx_engine *e);

/* What layers reported in the last pass, adds to sums[plan->n_reports]. Before an update of its own. */
void tfx_engine_add_reports(tfx_engine *e, double *sums);

/* One micro-batch: forward and backward, and when n_micro is 1 the update as well. */
tfx_status tfx_engine_pass(tfx_engine *e, float *loss, tfx_error *err);
/* After the last pass of a step. *grad_norm: before clipping. */
tfx_status tfx_engine_update(tfx_engine *e, float *grad_norm, tfx_error *err);
/* Forward only: the summed loss of the batch that is set. */
tfx_status tfx_engine_eval(tfx_engine *e, float *loss_sum, tfx_error *err);
/* Logits of the last evaluation: n values from element `first` of [rows, context, vocab]. */
void tfx_engine_logits(tfx_engine *e, uint64_t first, size_t n, float *out);

/* PREFIX or, with `next`, NEXT: tokens and their positions, [rows, n] as the plan says. */
tfx_status tfx_engine_extend(tfx_engine *e, int next, const int32_t *tokens, const int32_t *positions, tfx_error *err);
/* Logits of the last NEXT: n values from element `first` of [rows, vocab]. */
void tfx_engine_next_logits(tfx_engine *e, uint64_t first, size_t n, float *out);

/* Executes a program that is none of the stage's, on its state and on an arena that fits. Afterwards the
 * engine is there to be read and destroyed, and for nothing else. */
tfx_status tfx_engine_execute_other(tfx_engine *e, const tfx_program *p, tfx_error *err);
/* n bytes, from byte `first` on, of what the last program left; `t` lies in the arena or in the state. */
void tfx_engine_read(tfx_engine *e, const tfx_tensor *t, uint64_t first, void *dst, size_t n);

/* Seconds spent in each step of the training program so far, for benchmarks. */
void tfx_engine_profile(const tfx_engine *e, double *seconds);

#endif
