/* Plan: everything that is known before step 0.
 *
 * For each stage of an arm: the model, its parameters and optimizer state, the programs
 * that will run, their FLOPs and exact memory. A run executes the very plan that
 * `tfx plan` prints. */
#ifndef TFX_PLAN_STAGE_H
#define TFX_PLAN_STAGE_H

#include "framework/graph/placement.h"
#include "framework/graph/sites.h"
#include "framework/model/model_view.h"
#include "framework/spec/tree.h"
#include "framework/plan/device.h"
#include "framework/plan/optimizer.h"
#include "framework/plan/slices.h"
#include "framework/spec/experiment.h"

typedef enum tfx_program_kind {
    TFX_PROGRAM_STEP,       /* forward, backward and update, where n_micro is 1; otherwise: */
    TFX_PROGRAM_ACCUMULATE, /* forward and backward, for each micro-batch, */
    TFX_PROGRAM_UPDATE,     /* and once per step the update */
    TFX_PROGRAM_EVAL,       /* forward alone */
    TFX_PROGRAM_PREFIX,     /* the keys and values of tfx_stage_extension.n positions of each row are kept; no logits */
    TFX_PROGRAM_NEXT,       /* those of one more position, and its logits */
    TFX_PROGRAM_MEASURED,   /* the first three again, for steps that measure slices (slices.h) and do all else alike */
    TFX_N_PROGRAMS = TFX_PROGRAM_MEASURED + TFX_PROGRAM_EVAL
} tfx_program_kind;

typedef struct tfx_stage_program {
    tfx_placement *placement; /* NULL: the stage does without this program */
    /* Outputs, NULL where it has none: */
    const tfx_tensor *loss;      /* [], the mean over the micro-batch; of EVAL the sum */
    const tfx_tensor *grad_norm; /* [], before clipping */
    const tfx_tensor *logits;    /* [rows, context, vocab]; of NEXT [rows, 1, vocab] */
    const tfx_tensor *sums;      /* [TFX_SLICE_SUMS for each trained parameter] */
    const tfx_tensor *energies;  /* [slice_sites.n_slots] */
    const tfx_tensor *reports;   /* [n_reports], of the micro-batch */
} tfx_stage_program;

/* Inputs of PREFIX and NEXT: tokens and their positions, i32 [rows, n]. */
typedef struct tfx_stage_extension {
    uint32_t tokens, positions; /* indices into `state` */
    int64_t n;
} tfx_stage_extension;

typedef struct tfx_stage_plan {
    uint32_t index;
    tfx_model *model;
    const tfx_model_spec *spec;             /* of the model */
    tfx_model_view *view;                   /* as growth operators see it; NULL until one does */
    int64_t first_step;                     /* steps of the run before this stage */
    int64_t steps;                          /* of this stage, at most */
    int64_t schedule_first, schedule_steps; /* the span of the learning-rate schedule it is in */
    tfx_train_config train;                 /* the arm's, with what its growth event changes; pointers are borrowed */
    tfx_carry_state carry;                  /* what became of the optimizer state when this stage began */
    tfx_rate_factors rates;                 /* of old and new slices */
    double noise, noise_old;                /* what growth added; see tfx_stage */
    int64_t batch, micro_batch, n_micro, context;

    int64_t n_recomputed; /* blocks whose activations the backward pass makes again, the first ones */

    tfx_state_layout state;            /* frozen */
    uint32_t tokens, targets, lr, key; /* inputs: indices into `state` */
    int64_t rows;                      /* of evaluations and extensions */
    tfx_stage_extension prefix, next;  /* where they were asked for */
    char *whole_windows;               /* why there are no such programs; NULL: there are, or they were not asked for */

    tfx_stage_program programs[TFX_N_PROGRAMS];
    tfx_op_set ops;    /* the custom ops of all of them */
    tfx_sites sites;   /* whose work their nodes are */
    uint32_t *trained; /* parameters, as indices into `state`, in the order of their sums; where slices are measured */
    uint32_t n_trained;
    tfx_slice_sites slice_sites;

    char **reports; /* names of metrics that layers give, n_reports of them */
    uint32_t n_reports;

    uint64_t n_params;      /* stored elements, the fixed ones (tau) included */
    double flops_per_token; /* forward, backward and update, without recomputation */
    double executed_flops;  /* of one optimizer step, with recomputation */
    uint64_t arena_bytes, workspace_bytes;
    uint64_t param_bytes, optimizer_bytes; /* parts of state.bytes */
} tfx_stage_plan;

/* The program with forward and backward pass: STEP or ACCUMULATE. */
tfx_program_kind tfx_stage_pass(const tfx_stage_plan *s);

/* Whether the step after `stage_step` steps of the stage is one that measures slices: the first is. */
int tfx_stage_measures(const tfx_stage_plan *s, int64_t stage_step);

/* That it trains on, over all of its steps. */
double tfx_stage_tokens(const tfx_stage_plan *s);

/* Bytes that the backend holds while the stage runs: state + arena + workspace. */
uint64_t tfx_stage_peak_bytes(const tfx_stage_plan *s);
/* Bytes that the process holds besides: code and libraries, staging buffers, the probe's
 * logits, and while growing into this stage one parameter in its old and new form. */
uint64_t tfx_stage_host_bytes(const tfx_stage_plan *s);

/* Whether the device has the memory for a program that is none of the stage's, with its state and its programs. */
tfx_status tfx_stage_check_other(const tfx_stage_plan *s, const tfx_device *device, const tfx_program *p,
                                 tfx_error *err);

/* How to build a stage's programs; everything borrowed. */
typedef struct tfx_stage_params {
    const tfx_registry *registry;
    const tfx_device *device;
    const tfx_model_spec *model;
    const tfx_train_config *train;
    tfx_rate_factors rates;
    const tfx_state_layout *grown_from; /* of the stage before, where slices are to be measured; else NULL */
    int64_t eval_rows;                  /* 0: micro_batch */
    int eval_only;                      /* no training programs, no optimizer state */
    int extends;  /* with eval_only: PREFIX and NEXT in the place of EVAL, where positions can be told apart */
    int no_reuse; /* plan without sharing memory: for tests */
} tfx_stage_params;

/* Whether the stage fits into the memory of the device, with what the process holds besides. */
int tfx_stage_fits(const tfx_stage_plan *s, const tfx_device *device);

/* NULL with a message. Steps, index and schedule are left for the caller. `train` of the plan says what recompute = auto came to. */
tfx_stage_plan *tfx_stage_plan_create(const tfx_stage_params *p, tfx_error *err);
void tfx_stage_plan_destroy(tfx_stage_plan *s);

/* The graph of a forward pass, with dropout when `training`, for programs that are no part of the plan: they find
 * something out about the model. Returns the logits, or TFX_POISON with a message. `made` gets what the layers give
 * back, those within others first. */
tfx_value tfx_stage_forward(tfx_stage_plan *s, const tfx_registry *registry, const tfx_device *device, int training,
                            tfx_made_values *made, tfx_graph *g, tfx_error *err);
/* The program that computes `wanted` of it, or NULL when the graph has an error. Finishes the graph. */
tfx_placement *tfx_stage_forward_place(tfx_graph *g, const tfx_device *device, const tfx_value *wanted, uint32_t n);

/* A forward pass whose outputs are what the layers give back, in that order: for finding out where a value comes
 * from. NULL with a message. */
tfx_placement *tfx_stage_layers_create(tfx_stage_plan *s, const tfx_registry *registry, const tfx_device *device,
                                       int training, tfx_made_values *made, tfx_error *err);

#endif
