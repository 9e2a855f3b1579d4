/* tfx plugin ABI: scaling policies.
 *
 * A policy decides when a model grows, into what, and how each new parameter is made from
 * the old ones. The host performs the growth between two steps, verifies it with a probe
 * batch, and records it.
 */
#ifndef TFX_SCALING_H
#define TFX_SCALING_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What happens to the optimizer's state when parameters grow. */
typedef enum tfx_carry_state {
    TFX_STATE_EXTEND = 1, /* old slots keep theirs; new slots start at zero with a step
                             count of their own, so their bias correction is right */
    TFX_STATE_KEEP = 2,   /* old slots keep theirs; new slots start at zero moments under
                             the old step count, as most published code does */
    TFX_STATE_RESET = 3   /* everything starts at zero */
} tfx_carry_state;

/* One stage, in order. Stage 0 uses the arm's own model. */
typedef struct tfx_stage {
    size_t struct_size;
    const char *model;     /* a [model NAME] of the spec; NULL in stage 0: the arm's model */
    int64_t steps;         /* at most this many optimizer steps; 0: the arm's train.steps */
    int restart_schedule;  /* nonzero: the learning-rate schedule starts anew, over `steps` */
    tfx_carry_state carry; /* 0: TFX_STATE_EXTEND */
#if TFX_NEEDS_MINOR >= 1
    int64_t tokens; /* since 1.1: instead of `steps`, which is 0 then; rounded up to whole steps. 0: `steps` says it */
    /* Since 1.1, of stages from 1 on, and only where the spec does not say it (`event`): */
    int64_t batch;         /* rows per optimizer step; 0: train.batch */
    double lr;             /* peak learning rate, for a stage that restarts the schedule; 0: train.lr, and the next
                              three are as in [train], too */
    double min_lr, warmup; /* final learning rate; a fraction of the steps below 1, else steps */
    const char *schedule;  /* "constant", "linear", "cosine", "wsd"; NULL: train.schedule */
    int multipliers;       /* nonzero: the next two are set */
    double lr_old, lr_new; /* what the learning rate is multiplied by, for old slices, which are where they were before,
                              and for new ones, copies included; 0 freezes them */
    double noise,
        noise_old; /* standard deviation of what is added to copied values, and to old ones in their places, in
                                units of the rms of the parameter that they come from */
    double
        flops; /* Since 1.1, instead of `steps` and `tokens`, which are 0 then: FLOPs to spend, rounded to the nearest
                     whole step. What a stage spends too much or too little by that is taken from the next one whose
                     length is in FLOPs, or given to it, so that their sum is right to half a step. */
#endif
} tfx_stage;

#if TFX_NEEDS_MINOR >= 1
/* Since 1.1. A stage as the host has planned it. */
typedef struct tfx_planned_stage {
    size_t struct_size;
    uint32_t stage;
    int64_t first_step; /* steps of the run before it, at most */
    int64_t steps;      /* in it, at most */
    int64_t eval_every; /* steps of the run between evaluations; 0: only where a stage begins or ends */
    double step_flops;  /* that a step takes */
} tfx_planned_stage;

/* Since 1.1. The curve of another run that a policy decides by: which it is, as the spec names it. */
typedef struct tfx_curve_request {
    size_t struct_size;
    const char *experiment, *arm; /* live as long as the policy; `arm` NULL: it needs none */
} tfx_curve_request;

/* Since 1.1. The validation losses of a finished run, in the order in which they were measured. */
typedef struct tfx_curve {
    size_t struct_size;
    size_t n;            /* 2 at least */
    const double *flops; /* [n] spent by that run */
    const double *loss;  /* [n] finite */
} tfx_curve;
#endif

/* What a policy may base its decision on. */
typedef struct tfx_growth_signals {
    size_t struct_size;
    uint32_t stage;     /* current stage */
    int64_t stage_step; /* steps done in it */
    int64_t step;       /* steps done in the run */
    int64_t tokens;     /* tokens seen in the run */
    double flops;       /* spent in the run */
    double train_loss;  /* of the last step; NaN before the first */
    double val_loss;    /* of the last evaluation, one at this step included; NaN before the first */
    int64_t val_step;   /* step of that evaluation */
} tfx_growth_signals;

/* One parameter of the grown model. */
typedef struct tfx_grown_param {
    size_t struct_size;
    const char *path; /* e.g. "blocks.3.mixer.q.key" */
    const char *name; /* the last part of the path, e.g. "key" */
    uint32_t flags;   /* TFX_PARAM_* */
    uint32_t n_dims;
    const int64_t *dims;     /* new shape */
    const int64_t *old_dims; /* old shape; differs from dims only at grow_axis */
    int grow_axis;           /* TFX_NOT_GROWABLE (-1): shapes are equal */
    uint64_t seed;           /* for random_u64/random_normal, unique to (run, event) */
    uint64_t stream;         /* unique to this parameter */
    const float *old_data;   /* old values; NULL, like old_dims, where the old model has no such
                                parameter (hosts of ABI 1.0 refuse to grow into such models) */
    float *data;             /* new values; arrives filled with the layer's own random
                                initialisation of the new shape */
} tfx_grown_param;

typedef struct tfx_scaling tfx_scaling; /* an instance; the plugin's own type */

typedef struct tfx_scaling_class {
    size_t struct_size;
    const char *name;
    const char *summary;
    const tfx_option *options;
    size_t n_options;

    /* [main] Options live as long as the instance. */
    tfx_status (*create)(const tfx_host *host, const tfx_options *options, tfx_scaling **out);
    /* [main] */
    void (*destroy)(tfx_scaling *s);
    /* [main] Number of stages, stage 0 included; at least 1. */
    uint32_t (*n_stages)(const tfx_scaling *s);
    /* [main] Fills *out (struct_size already set); its strings live as long as `s`. */
    tfx_status (*stage)(const tfx_scaling *s, uint32_t index, tfx_stage *out);
    /* [main] Asked after every step before the stage's last, and after the evaluation where one is due at that
     * step; nonzero ends the stage now. Each step is asked about once, also when the run was interrupted there. Hosts
     * since 1.1 take NULL: the lengths that `stage` gives say it all. With it, they count as upper bounds. */
    int (*should_grow)(tfx_scaling *s, const tfx_growth_signals *signals);
    /* [main] Writes p->data. Called once for each parameter of the grown model, unless the spec names a growth operator
     * (growth.h). Hosts since 1.1 take NULL: such a policy says when, and an operator how. */
    tfx_status (*grow_param)(tfx_scaling *s, const tfx_grown_param *p);
    /* [main] Optional (NULL). Called when a run is planned, for each stage from 1 on, with the
     * paths of the n parameters whose shapes change when it begins: the place to refuse
     * options that fit none of them. */
    tfx_status (*check)(const tfx_scaling *s, uint32_t stage, const char *const *paths, size_t n);
#if TFX_NEEDS_MINOR >= 1
    /* [main] Since 1.1, optional, but only both together: what should_grow remembers from step to step, as a text
     * of at most 64 KiB. It is kept with every checkpoint, and a run that resumes from one gets it back before
     * anything else is asked, so that it decides as an uninterrupted run. Returns a string that lives until the next
     * call with `s`, or NULL for nothing. (printf's %a writes a double exactly.) */
    const char *(*save)(tfx_scaling *s);
    /* [main] Takes that text back; not called where there was none. TFX_E_DATA for one that is not its own. */
    tfx_status (*load)(tfx_scaling *s, const char *text);
    /* [main] Since 1.1, optional. Called when a run is planned, for each stage but the last: the place to refuse options
     * under which should_grow could never return nonzero there. */
    tfx_status (*check_stage)(const tfx_scaling *s, const tfx_planned_stage *stage);
    /* [main] Since 1.1, optional. Why should_grow returned nonzero, for people: "the loss falls by ..., below ...", one
     * line of printable ASCII. Asked when the model grows, by another process perhaps, so that it must follow from what
     * `save` keeps. Returns a string that lives until the next call with `s`, or NULL for nothing. */
    const char *(*reason)(tfx_scaling *s);
    /* [main] Since 1.1, optional, but only both together, and with `save` and `load`. For each stage but the last: the
     * curve of another run that should_grow compares with. Fills *out (struct_size already set, the rest zero). */
    tfx_status (*needs_curve)(const tfx_scaling *s, uint32_t stage, tfx_curve_request *out);
    /* [main] Takes it, and copies what it needs. Called when a run is planned, to see whether the curve is there, and
     * before a run's first step; not where it resumes from a checkpoint, since the database may have changed: what was
     * taken must be in what `save` keeps. */
    tfx_status (*take_curve)(tfx_scaling *s, uint32_t stage, const tfx_curve *curve);
#endif
} tfx_scaling_class;

#ifdef __cplusplus
}
#endif
#endif
