/* The declared keys of the host's sections: one table each, from which specs are checked
 * and docs/spec-keys.md is written. */
#include "framework/spec/declarations.h"

#include <math.h>
#include <string.h>

/* Short names for the columns of the tables below. */
#define INT(name, def, min, max, doc) TFX_OPTION(name, TFX_OPT_INT, def, min, max, NULL, doc)
#define REAL(name, def, min, max, doc) TFX_OPTION(name, TFX_OPT_REAL, def, min, max, NULL, doc)
#define TEXT(name, def, doc) TFX_OPTION(name, TFX_OPT_STRING, def, 0, 0, NULL, doc)
#define BOOL(name, def, doc) TFX_OPTION(name, TFX_OPT_BOOL, def, 0, 0, NULL, doc)
#define CHOICE(name, def, choices, doc) TFX_OPTION(name, TFX_OPT_CHOICE, def, 0, 0, choices, doc)

const char *const tfx_spec_schedules[] = {"constant", "linear", "cosine", "wsd", NULL};
const char *const tfx_spec_recomputes[] = {"none", "block", "auto", NULL};
static const char *const parametrizations[] = {"standard", "mup", NULL};
static const char *const compute[] = {"f32", "bf16", NULL};
static const char *const start_optimizer[] = {"keep", "reset", NULL};
static const char *const scaling_when[] = {"policy", "start", NULL};
static const char *const start_data[] = {"continue", "restart", NULL};

#define MOST 1e12 /* far above any sensible count, far below what overflows a product */

static const tfx_option experiment[] = {
    TEXT("name", NULL, "name of the experiment in the database; letters, digits, -, _ and ."),
    TEXT("description", "", "a sentence for people"),
    TFX_OPTION("seeds", TFX_OPT_INT_LIST, "1", 0, 9e15, NULL, "every arm runs once with each of them"),
    TEXT("backend", "cpu", "the backend plugin; its options are backend.KEY"),
    TEXT("extends", "", "a spec file that this one starts from, relative to this file"),
};

static const tfx_option data[] = {
    INT("eval_tokens", "65536", 1, MOST,
        "tokens of the validation split to evaluate, spread evenly over it, the same for every arm; all where it has "
        "fewer"),
    TEXT("loader", NULL, "the loader plugin; its options are loader.KEY"),
};

static const tfx_option train[] = {
    INT("steps", "0", 0, MOST,
        "optimizer steps of the run, or of stage 0 when the arm grows; 0: `tokens`, `flops` or the arm's policy says "
        "it"),
    INT("tokens", "0", 0, 9e15,
        "instead of steps: the same in tokens, rounded up to whole steps; or FACTOR * arm:NAME"),
    REAL("flops", "0", 0, INFINITY,
         "instead of steps: the same in FLOPs, rounded to the nearest whole step; or FACTOR * arm:NAME"),
    INT("batch", NULL, 1, MOST, "rows per optimizer step"),
    INT("micro_batch", "0", 0, MOST, "rows per forward pass, a divisor of batch; 0: the whole batch"),
    REAL("lr", "6e-4", 0, INFINITY, "peak learning rate"),
    REAL("min_lr", "-1", -1, INFINITY, "final learning rate, at most lr; -1: a tenth of lr"),
    CHOICE("schedule", "cosine", tfx_spec_schedules, "how the learning rate falls after the warm-up"),
    REAL("warmup", "0.01", 0, MOST,
         "how long the learning rate rises linearly from 0; below 1: a fraction of the steps, from 1 on: steps"),
    REAL("decay_fraction", "0.2", 0, 1, "schedule wsd: the last fraction of the steps, which decays linearly"),
    REAL("clip", "1.0", 0, INFINITY, "largest global gradient norm; 0: no clipping"),
    CHOICE("recompute", "none", tfx_spec_recomputes,
           "whether the backward pass computes again, instead of keeping it, what is inside of blocks: none; block: of "
           "all "
           "blocks; auto: of as few as each stage needs to fit into memory"),
    CHOICE("compute", "f32", compute,
           "what products and attention take, and what is kept for the backward pass: f32, or bf16, which takes less "
           "memory; all else is "
           "f32 either way"),
    CHOICE("gradients", "f32", compute,
           "how gradients are kept until the global norm is known, and summed over micro-batches: f32, or bf16, which "
           "takes half the "
           "memory and rounds them, once for each micro-batch; the norm is that of f32 ones"),
    INT("eval_every", "0", 0, MOST, "steps between evaluations; 0: at the start and end of each stage"),
    INT("log_every", "1", 1, MOST, "steps between rows in the metric table"),
    INT("slice_every", "0", 0, MOST,
        "steps between measurements of old and new slices after a growth event, at its first step and from there on; "
        "0: "
        "none"),
    INT("checkpoint_every", "0", 0, MOST, "steps between checkpoints; 0: at the end of each stage"),
    INT("keep_checkpoints", "2", 1, MOST, "how many of the periodic checkpoints stay on disk, newest first"),
    BOOL("keep_stages", "true",
         "keep the checkpoints around growth; false: only a run's newest checkpoint stays on disk"),
    BOOL("keep_optimizer", "true", "keep the optimizer state in the last checkpoint of a finished run"),
    TEXT("optimizer", "adamw", "the optimizer plugin; its options are optimizer.KEY"),
    CHOICE("parametrization", "standard", parametrizations,
           "what becomes of lr and of initial weights in wider models: standard: they are as written; mup: what is "
           "best for "
           "mup_base is about best for them, too"),
    TEXT("mup_base", "", "parametrization mup: the [model NAME] for which lr and initial weights are as written"),
};

static const char *const group_decay[] = {"default", "yes", "no", NULL};

static const tfx_option group[] = {
    TFX_OPTION(
        "match", TFX_OPT_STRING_LIST, "", 0, 0, NULL,
        "paths of the parameters in the group, as patterns in which * stands for any text; nothing: there is no such "
        "group"),
    REAL("lr", "1", 0, 1e6, "what the learning rate is multiplied by"),
    CHOICE("decay", "default", group_decay,
           "whether weight decay applies; default: as the optimizer has it for parameters in no group"),
    BOOL("freeze", "false", "true: they stay as they are, and cost neither a gradient nor optimizer state"),
};

static const tfx_option model[] = {
    INT("n_blocks", NULL, 1, 2048, "number of blocks"),
    INT("dim", NULL, 1, MOST, "width of the residual stream"),
    INT("context", NULL, 1, MOST, "tokens per row"),
    INT("vocab", NULL, 1, MOST, "number of different tokens"),
    TEXT("extends", "", "a [model NAME] whose settings hold where this one has none"),
};

static const tfx_option scaling[] = {
    TEXT("policy", "",
         "when to grow, and into what: the scaling plugin; its options are policy.KEY. Nothing: once, where the arm "
         "starts "
         "from another run"),
    TEXT(
        "operator", "",
        "how to grow: the operator plugin; its options are operator.KEY. Nothing: what the policy itself does, or else "
        "slots"),
    TEXT("extends", "", "a [scaling NAME] whose settings hold where this one has none"),
};

const char *const tfx_spec_carries[] = {"extend", "keep", "reset", NULL};
static const char *const rates[] = {"restart", "continue", NULL};

static const tfx_option event[] = {
    CHOICE("optimizer", "extend", tfx_spec_carries,
           "the optimizer's state: extend: new slots start with a step count of their own; keep: under the old step "
           "count; reset: all state starts anew"),
    CHOICE("schedule", "restart", rates, "the learning-rate schedule: anew for each stage, or one over the whole run"),
    REAL("lr_old", "1", 0, 1e6,
         "what the learning rate is multiplied by for old slices, which are where they were before; 0 freezes them"),
    REAL("lr_new", "1", 0, 1e6, "the same for new slices, copies included"),
    REAL("noise", "0", 0, 1e6,
         "standard deviation of the noise added to copied values, in units of the rms of what they are copies of"),
    REAL("noise_old", "0", 0, 1e6, "the same for old values in their places"),
};

static const tfx_option arm[] = {
    TEXT("model", "",
         "the [model NAME] that the arm trains, or starts from when it grows; nothing: that of the arm in its start"),
    TEXT("scaling", "", "the [scaling NAME] by which it grows; nothing: it does not grow"),
    CHOICE("scaling.when", "policy", scaling_when,
           "policy: it grows when its policy says so; start: all growth comes before the first step, whatever the "
           "policy says, and "
           "[train] says how long it trains after it"),
    TEXT("start", "",
         "what it starts from: arm:NAME@POINT, run:ID@POINT or checkpoint:PATH, where POINT is step:N, stage:K or end; "
         "nothing: the model's initialisation"),
    CHOICE("start.optimizer", "keep", start_optimizer, "whether it starts with that optimizer state or with none"),
    CHOICE("start.data", "continue", start_data,
           "whether training data go on where that run stood, or from their beginning"),
    TEXT("extends", "", "an [arm NAME] whose settings hold where this one has none"),
    TFX_OPTION(
        "twins", TFX_OPT_STRING_LIST, "", 0, 0, NULL,
        "arms to compare it with, which are added: scratch, random_base, no_growth; twin.KIND.KEY sets a key of one"),
    TEXT("twin", "", "which twin it is; `twins` writes this and the next key itself"),
    TEXT("twin.of", "", "of which arm"),
    TEXT("sweep", "", "the [sweep NAME] that made it; sweeps write this and the next two keys themselves"),
    TEXT("sweep.of", "", "the arm that it is a point of"),
    TEXT("sweep.point", "", "what it has from the sweep: a JSON object"),
    BOOL("drop", "false", "true: this arm, which an extended spec has, is left out"),
};

static const tfx_option sweep[] = {
    TFX_OPTION("arms", TFX_OPT_STRING_LIST, NULL, 0, 0, NULL, "the arms that are replaced by their points"),
    BOOL("zip", "false", "true: the first values together, then the second ones; otherwise all combinations"),
    TEXT("extends", "", "a [sweep NAME] whose settings hold where this one has none"),
};

#define SECTION(s, key, plugin) \
    { \
#s, s, sizeof(s) / sizeof(*s), key, plugin \
    }
typedef struct section_row {
    const char *name;
    const tfx_option *options;
    size_t n;
    const char *plugin_key, *plugin_kind;
} section_row;

static const section_row sections[] = {
    SECTION(experiment, "backend", TFX_KIND_BACKEND),
    SECTION(data, "loader", TFX_KIND_LOADER),
    SECTION(train, "optimizer", TFX_KIND_OPTIMIZER),
    SECTION(model, NULL, NULL),
    SECTION(scaling, "policy", TFX_KIND_SCALING),
    SECTION(arm, NULL, NULL),
    SECTION(event, NULL, NULL),
    SECTION(group, NULL, NULL),
    SECTION(sweep, NULL, NULL),
};

/* A kind that has no row has no keys. */
static const section_row *find_section(const char *kind)
{
    static const section_row none = {0};
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
        if (!strcmp(sections[i].name, kind))
            return &sections[i];
    return &none;
}

const tfx_option *tfx_spec_declaration(const char *kind, size_t *n)
{
    *n = find_section(kind)->n;
    return find_section(kind)->options;
}

const char *tfx_spec_plugin_key(const char *section, const char **plugin_kind)
{
    *plugin_kind = find_section(section)->plugin_kind;
    return find_section(section)->plugin_key;
}

const char *tfx_spec_removed(const char *section, const char *key)
{
    if (!strcmp(section, "train") && !strcmp(key, "eval_batches"))
        return "data.eval_tokens says how many tokens are evaluated, the same ones for every arm and batch size";
    return NULL;
}

const char *tfx_spec_default(const char *section, const char *key)
{
    size_t n;
    const tfx_option *decl = tfx_spec_declaration(section, &n), *o = tfx_option_find(decl, n, key);
    return o ? o->def : NULL;
}
