/* Optimizer case: parameters of several shapes with an optimizer's update, on a bench. */
#ifndef TFX_CONFORMANCE_OPTIMIZER_CASE_H
#define TFX_CONFORMANCE_OPTIMIZER_CASE_H

#include "framework/conformance/bench.h"
#include "framework/conformance/made_up.h"
#include "framework/plan/optimizer.h"

enum { TFX_CASE_PARAMS = 6 };

typedef struct tfx_optimizer_case {
    tfx_subject *s;
    tfx_bench bench;
    tfx_options *options;
    tfx_bench_program program;
    uint32_t param[TFX_CASE_PARAMS], grad[TFX_CASE_PARAMS], lr; /* state tensors */
    tfx_error err;
} tfx_optimizer_case;

/* In which order parameters come, and what there is besides. */
typedef struct tfx_optimizer_setup {
    int threads, backwards;
    int per_slice; /* the learning rate differs between slices of a parameter */
} tfx_optimizer_setup;

/* Builds and compiles it, with numbers in the parameters and zeros in all state. Close it in any case. */
tfx_status tfx_optimizer_case_open(tfx_optimizer_case *c, tfx_subject *s, const tfx_optimizer_setup *setup);
void tfx_optimizer_case_close(tfx_optimizer_case *c);

/* What gradients are: random ones, zeros, or those of sum((p - 1)^2) / 2. */
typedef enum tfx_case_gradient { TFX_GRADIENT_RANDOM, TFX_GRADIENT_ZERO, TFX_GRADIENT_QUADRATIC } tfx_case_gradient;

/* Step number `step`. */
tfx_status tfx_optimizer_case_step(tfx_optimizer_case *c, tfx_case_gradient gradient, double lr, uint64_t step);

/* All parameters and states by name, one after the other: what a checkpoint holds. `names` gets where the bytes are from.
 * The caller frees it. */
typedef struct tfx_case_state {
    char **names;
    char **data;
    uint64_t *bytes;
    uint32_t n;
} tfx_case_state;
tfx_case_state tfx_optimizer_case_save(tfx_optimizer_case *c);
/* NULL, or the name of a tensor that the case does not have with that size. */
const char *tfx_optimizer_case_load(tfx_optimizer_case *c, const tfx_case_state *state);
/* The first tensor that differs; NULL: none. */
const char *tfx_case_state_differs(const tfx_case_state *a, const tfx_case_state *b);
void tfx_case_state_finish(tfx_case_state *s);

#endif
