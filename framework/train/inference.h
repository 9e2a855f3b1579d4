/* Inference: a model with given weights, evaluated or sampled from. */
#ifndef TFX_TRAIN_INFERENCE_H
#define TFX_TRAIN_INFERENCE_H

#include "framework/plan/arm.h"
#include "framework/train/engine.h"

typedef struct tfx_inference {
    tfx_stage_plan *plan; /* evaluation only */
    tfx_engine *engine;
    int32_t *tokens, *targets; /* one window */
    size_t n_missing;          /* fixed parameters (tau) the weights file did not have */
    uint32_t stage;
} tfx_inference;

/* The model of an arm with the weights of a safetensors file, `rows` rows at a time (0:
 * the arm's micro_batch). stage -1: the last one whose shapes the file has. `extends`: to go on from position to position
 * (generation.h) and nothing else; where plan->whole_windows says why that is not possible, windows are evaluated as without it. */
tfx_status tfx_inference_open(tfx_inference *f, const tfx_experiment *e, const tfx_arm *arm,
                              const tfx_registry *registry, const tfx_device *device, int64_t stage, int64_t rows,
                              int extends, const char *weights, tfx_error *err);
void tfx_inference_close(tfx_inference *f);

/* Mean loss on the validation set, the same that runs are evaluated on. bits_per_byte may be NaN. */
tfx_status tfx_inference_validate(tfx_inference *f, const tfx_experiment *e, const tfx_arm *arm, uint64_t *n_tokens,
                                  double *loss, double *bits_per_byte, tfx_error *err);

/* Evaluates tokens cut into windows of the model's context from the start, each on its own; the last may be shorter,
 * which says something of causal models alone. *loss: mean over the tokens that have a successor inside their window;
 * NaN when none has. Writes tensor "logits" [n, vocab], f32, to `logits_file` unless NULL. Needs rows = 1. */
tfx_status tfx_inference_tokens(tfx_inference *f, const int32_t *tokens, uint64_t n, const char *logits_file,
                                double *loss, tfx_error *err);

/* Whether the model is causal, which sampling from it takes for granted: TFX_E_UNSUPPORTED with a message when
 * later tokens change earlier logits. Evaluates four windows. Needs rows = 1. */
tfx_status tfx_inference_check_causal(tfx_inference *f, tfx_error *err);

/* The engine's batch: n tokens, at most the context, and their successors as targets; what follows them is padding that causal
 * layers never look at. Needs rows = 1. */
void tfx_inference_set_window(tfx_inference *f, const int32_t *tokens, uint64_t n);

#endif
