/* Experiment: a spec file, validated and resolved.
 *
 * A spec is an INI file:
 *
 *   [experiment]      name, description, seeds, extends, backend, backend.*
 *   [vars]            NAME = text, used anywhere as ${NAME}
 *   [data]            eval_tokens, loader, loader.*
 *   [train]           steps, tokens or flops, batch, optimizer, optimizer.*, group.NAME.*, ...
 *   [model NAME]      n_blocks, dim, context, vocab, and the layer tree
 *   [scaling NAME]    policy, policy.*, operator, operator.*, event.*, and for one event operator.N.*, event.N.*
 *   [arm NAME]        model, scaling, start, twins, and overrides of [train] as train.KEY
 *   [sweep NAME]      arms, and keys of theirs with several values: one arm for each combination
 *   [profile NAME]    overrides: SECTION.KEY = value, applied by --profile NAME
 *
 * One rule holds everywhere: a key that names a plugin (`optimizer = adamw`) has that
 * plugin's options below it (`optimizer.beta2 = 0.95`). Sections of a kind that has names
 * are addressed from outside as kind.NAME.key, or kind.*.key for all of them. */
#ifndef TFX_SPEC_EXPERIMENT_H
#define TFX_SPEC_EXPERIMENT_H

#include "framework/base/error.h"
#include "framework/plugin/registry.h"
#include "framework/spec/budget.h"
#include "framework/spec/lookup.h"
#include "framework/spec/plugin_use.h"
#include "framework/spec/start.h"
#include "tfx/scaling.h"

typedef enum tfx_lr_schedule {
    TFX_LR_CONSTANT = 1,
    TFX_LR_LINEAR,
    TFX_LR_COSINE,
    TFX_LR_WSD /* warm-up, stable, decay */
} tfx_lr_schedule;

/* By its word in [train]; 0: there is none of that name. */
tfx_lr_schedule tfx_lr_schedule_named(const char *word);

/* Blocks whose activations the backward pass makes again. */
typedef enum tfx_recompute {
    TFX_RECOMPUTE_NONE = 0,
    TFX_RECOMPUTE_BLOCK, /* all of them */
    TFX_RECOMPUTE_AUTO   /* as few as it takes for the stage to fit into memory */
} tfx_recompute;

/* What [train] says of some parameters alone, as group.NAME.KEY. */
#define TFX_N_GROUP_KEYS 4
typedef struct tfx_param_group {
    char *name;
    char **match; /* patterns of parameters' paths, in which * stands for any text */
    size_t n_match;
    double lr;                     /* what the learning rate is multiplied by */
    int decay;                     /* whether weight decay applies; -1: as for others */
    int freeze;                    /* whether they are not trained */
    char *texts[TFX_N_GROUP_KEYS]; /* all of the above, for the database */
    const char *file;              /* of its first key, for messages */
    int line;
} tfx_param_group;

/* [model NAME]: the settings as written; framework/spec/tree.h makes a layer tree of
 * them. */
typedef struct tfx_model_spec {
    char *name;
    tfx_setting *settings;
    size_t n_settings;
    const char *file; /* where the section starts */
    int line;
} tfx_model_spec;

/* [train], with an arm's overrides applied. */
typedef struct tfx_train_config {
    int64_t steps;       /* optimizer steps of the run, or of stage 0 when the arm grows */
    int64_t tokens;      /* the same in tokens, */
    double flops;        /* or in FLOPs: exactly one of the three is above 0, or none where a policy says it */
    tfx_budget budget;   /* or another arm says tokens or flops, which is 0 until that is planned */
    int64_t batch;       /* rows per optimizer step */
    int64_t micro_batch; /* rows per forward pass; divides batch */
    double lr, min_lr;   /* peak and final learning rate */
    char *lr_search;     /* the reference that lr is; NULL: none */
    tfx_lr_schedule schedule;
    double warmup;         /* linear from 0; below 1: a fraction of the schedule's steps, else steps */
    double decay_fraction; /* WSD: the last fraction of the steps decays linearly */
    double clip;           /* global gradient norm; 0: off */
    tfx_recompute recompute;
    tfx_dtype compute;   /* F32, or BF16: precision.h */
    tfx_dtype gradients; /* how they are kept from the backward pass to the update, and summed over micro-batches */
    int64_t eval_every;  /* steps; 0: only at the start and end of each stage */
    int64_t log_every;   /* steps between rows in the metric table */
    int64_t slice_every; /* steps between measurements of slices in stages that began with growth; 0: none */
    int64_t checkpoint_every; /* steps; 0: only at the end of each stage */
    int64_t keep_checkpoints; /* newest of the periodic ones kept on disk */
    int keep_stages;          /* checkpoints at the ends of stages stay when a newer one exists */
    int keep_optimizer;       /* the last checkpoint of a finished run keeps its optimizer state */
    tfx_plugin_use optimizer;
    int mup; /* parametrization = mup */
    const tfx_model_spec
        *mup_base; /* the model at which lr and initialisation are as they are written; with mup never NULL */
    tfx_param_group *groups;
    size_t n_groups;
    tfx_options *options;                    /* all of the above as text, for the database */
    int micro_batch_follows, min_lr_follows; /* these were not set: they are what batch and lr make them */
} tfx_train_config;

/* The value of its budget's key: the number, once that is known, and before that what the spec says; heap. */
char *tfx_train_budget_text(const tfx_train_config *t);

/* Whether a parameter with that path is in the group; and which group of several it is in, NULL: none. */
int tfx_param_group_has(const tfx_param_group *g, const char *path);
const tfx_param_group *tfx_param_group_of(const tfx_train_config *t, const char *path);

/* The --set that changed a model, its sizes first; NULL: none. */
const tfx_setting *tfx_model_spec_set(const tfx_model_spec *m);
/* Puts before a message about a model as a whole the place that it is about: that --set, or
 * else where its section starts. */
void tfx_model_spec_locate(const tfx_model_spec *m, tfx_error *err);

/* How an arm grows at one event, as its [scaling] says. */
typedef struct tfx_event_spec {
    int64_t event;                           /* the stage that begins; 0: all events that have no entry of their own */
    tfx_plugin_use op;                       /* the operator; impl NULL: the policy itself says how */
    tfx_carry_state carry;                   /* 0: the policy says */
    int schedule;                            /* of the learning rate: 1 anew, -1 goes on, 0: the policy says */
    double lr_old, lr_new, noise, noise_old; /* each negative: the policy says */
    tfx_train_config *train;                 /* the arm's, with event.train.KEY; NULL: there are none of those */
    uint32_t train_set;                      /* which of tfx_event_train_keys they are, a bit for each */
    const char *file;                        /* of its first key, for messages */
    int line;
} tfx_event_spec;

typedef struct tfx_arm {
    char *name;
    char *sweep, *base, *point; /* the sweep that it is a point of, of which arm, and what it has from there, a JSON
                                   object; NULL: of none */
    char *twin, *twin_of;       /* which twin it is, of which arm; NULL: of none */
    const tfx_model_spec *model;
    int grows_first;        /* all growth comes before its first step: its stages but the last have none */
    char *scaling_name;     /* NULL: the arm does not grow */
    tfx_plugin_use scaling; /* impl NULL: does not grow */
    tfx_event_spec *events; /* where it grows: the first is for event 0 */
    size_t n_events;
    tfx_start start;
    tfx_train_config train;
    const char *file; /* where the section starts */
    int line;
} tfx_arm;

typedef struct tfx_experiment {
    char *name, *description;
    int64_t *seeds;
    size_t n_seeds;
    tfx_plugin_use backend, loader;
    int64_t eval_tokens; /* at most; framework/plan/validation_set.h says which */
    tfx_model_spec *models;
    size_t n_models;
    tfx_arm *arms; /* in the order of their execution */
    size_t n_arms;
    size_t *planning; /* [n_arms]: their places in the order in which they are planned */
    char *file;       /* absolute path of the spec */
    char *resolved;   /* the whole spec as INI without extends, vars and profiles: loading
                       this text again gives the same experiment */
} tfx_experiment;

/* Loads, resolves and checks a spec. `profile` may be NULL; `sets` are "section.key=value"
 * strings. On error returns NULL, with a message that names file, line, key, what was
 * expected, what was found, and the nearest valid name. Writes nothing. */
tfx_experiment *tfx_experiment_load(const tfx_registry *registry, const char *path, const char *profile,
                                    const char *const *sets, size_t n_sets, tfx_error *err);
/* The same for a spec that may take values from elsewhere; `lookup` has them afterwards. */
tfx_experiment *tfx_experiment_load_with(const tfx_registry *registry, const char *path, const char *profile,
                                         const char *const *sets, size_t n_sets, tfx_lookup *lookup, tfx_error *err);
/* The same from text that tfx_experiment.resolved held; `origin` stands for the file in
 * messages. Paths in it are absolute. */
tfx_experiment *tfx_experiment_parse(const tfx_registry *registry, const char *text, const char *origin,
                                     tfx_error *err);
void tfx_experiment_destroy(tfx_experiment *e);

/* What this version makes of a text that tfx_experiment.resolved held, maybe in an earlier one: keys that have come since
 * have their defaults. Heap. A text that cannot be read any more stays as it is. */
char *tfx_experiment_renewed(const tfx_registry *registry, const char *resolved);

/* Writes `resolved` anew, when budgets have got their numbers. */
tfx_status tfx_experiment_resolve_again(tfx_experiment *e, const tfx_registry *registry, tfx_error *err);

/* The [model NAME] of an experiment, or NULL with a message that is not located. */
const tfx_model_spec *tfx_experiment_model(const tfx_experiment *e, const char *name, tfx_error *err);
/* The [arm NAME] of an experiment, or NULL with a message. */
const tfx_arm *tfx_experiment_arm(const tfx_experiment *e, const char *name, tfx_error *err);

/* Whether it has that name, or is a point of the arm that has. */
int tfx_arm_answers_to(const tfx_arm *arm, const char *name);

/* What an event may change of [train]. */
#define TFX_N_EVENT_TRAIN_KEYS 7
extern const char *const tfx_event_train_keys[TFX_N_EVENT_TRAIN_KEYS];

/* Whether the event has that key of [train]. */
int tfx_event_sets(const tfx_event_spec *e, const char *key);

/* Whether it grows where it starts, once: its scaling has no policy. */
int tfx_arm_grows_at_start(const tfx_arm *arm);

/* What an arm that grows says about event k (from 1 on; 0: at its start). */
const tfx_event_spec *tfx_arm_event(const tfx_arm *arm, uint32_t k);

/* Declared options of the host's own sections, for documentation: kind is "experiment",
 * "data", "train", "model", "arm", "scaling" or, for keys below `event` there, "event",
 * for those below `group.NAME` in [train] "group". */
const tfx_option *tfx_spec_declaration(const char *kind, size_t *n);

#endif
