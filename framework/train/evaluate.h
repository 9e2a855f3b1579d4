/* Evaluation on the held-out split: always the same tokens, each counted once, whatever the batch size. */
#ifndef TFX_TRAIN_EVALUATE_H
#define TFX_TRAIN_EVALUATE_H

#include <signal.h>

#include "framework/plan/validation_set.h"
#include "framework/train/engine.h"
#include "framework/train/progress.h"

typedef struct tfx_evaluator {
    const tfx_loader_class *cls;
    tfx_loader *loader;
    int64_t batch, context, vocab;
    double bytes_per_token;    /* 0: not known */
    int32_t *tokens, *targets; /* [batch, context] */
    tfx_validation_set set;
    char hash[33];               /* of the tokens that the last evaluation predicted, in their order; "": none */
    int64_t at;                  /* the loader's next window; -1: not known */
    tfx_loader_position *pieces; /* where pieces of the set begin, as far as the loader has come: `reached` of them */
    int64_t reached;
} tfx_evaluator;

/* Opens the VAL split. Rows per batch and context are the stage's. */
tfx_status tfx_evaluator_open(tfx_evaluator *v, const tfx_experiment *e, const tfx_stage_plan *s, tfx_error *err);
void tfx_evaluator_close(tfx_evaluator *v);

/* Mean loss per token of the validation set. When *stop (may be NULL) becomes nonzero on the way, *loss
 * is NaN and *stopped 1: an evaluation can take hours, and nobody waits that long to interrupt. */
tfx_status tfx_evaluate(tfx_evaluator *v, tfx_engine *engine, const volatile sig_atomic_t *stop, tfx_progress *progress,
                        int *stopped, double *loss, tfx_error *err);

/* Loss in nats per token as bits per byte of text; NaN when bytes per token are unknown. */
double tfx_bits_per_byte(double loss, double bytes_per_token);

/* Evaluates the first windows of the split, one batch of them, and keeps logits of the last positions of its first
 * row: what a growth event is verified with. */
typedef struct tfx_probe {
    double loss;
    float *logits; /* the last `n` of the first row's logits; malloced */
    uint64_t first, n;
} tfx_probe;

tfx_status tfx_probe_take(tfx_probe *p, tfx_evaluator *v, tfx_engine *engine, const tfx_stage_plan *s, tfx_error *err);
/* Largest |difference| between the logits of the probe and the engine's on the same batch. */
tfx_status tfx_probe_compare(const tfx_probe *before, tfx_evaluator *v, tfx_engine *engine, double *loss,
                             double *max_delta, tfx_error *err);
void tfx_probe_finish(tfx_probe *p);

#endif
