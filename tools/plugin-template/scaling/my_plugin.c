/* my_plugin: say in one line when it grows a model.
 *
 * This one grows when evaluations have stalled: the validation loss has not fallen by `gain` below the best one of the
 * stage for `patience` evaluations in a row. Follow the steps; `make` builds it at any time, and `make test` tries
 * it. docs/writing-a-policy.md has the rest. How the model grows is an operator's business. */
#define TFX_NEEDS_MINOR 1 /* policies that need no grow_param; save, load, check_stage, reason */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tfx/scaling.h"

/* Step 1. Declare the options. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("models", TFX_OPT_STRING_LIST, NULL, 0, 0, NULL, "the models to grow into, in order"),
    TFX_OPTION("patience", TFX_OPT_INT, "3", 1, 1e6, NULL, "evaluations in a row without a gain"),
    TFX_OPTION("gain", TFX_OPT_REAL, "0.01", 0, 1e3, NULL, "by what the loss must fall to count as a gain"),
};

/* Step 2. Say what it knows, and what of that it remembers from step to step. */
struct tfx_scaling {
    const tfx_host *host;
    const char *const *models; /* options live as long as the instance */
    size_t n_models;
    int64_t patience;
    double gain;
    /* Remembered: all of this is in what `save` returns. */
    uint32_t stage;
    int64_t seen;  /* step of the last evaluation that was counted */
    int64_t stale; /* evaluations without a gain since the best one */
    double best;   /* loss of the stage; meaningless while `seen` is -1 */
    char text[160];
};

static tfx_status my_plugin_create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s = {.host = h, .seen = -1};
    s.models = h->opt_string_list(h, o, "models", &s.n_models);
    s.patience = h->opt_int(h, o, "patience");
    s.gain = h->opt_real(h, o, "gain");
    if (!s.n_models)
        return h->fail(h, TFX_E_INVALID, "models: expected at least one model to grow into; found none");
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static void my_plugin_destroy(tfx_scaling *s)
{
    free(s);
}

/* Step 3. Declare the stages: the arm's own model, then one for each of `models`. Steps of 0 are train.steps. */
static uint32_t my_plugin_n_stages(const tfx_scaling *s)
{
    return (uint32_t)s->n_models + 1;
}

static tfx_status my_plugin_stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    out->model = index ? s->models[index - 1] : NULL;
    out->restart_schedule = 1;
    return TFX_OK;
}

/* Step 4. Decide. Asked once after each step; nonzero ends the stage now. */
static int my_plugin_should_grow(tfx_scaling *s, const tfx_growth_signals *now)
{
    if (s->stage != now->stage) { /* another model: its curve begins anew */
        s->stage = now->stage;
        s->seen = -1;
        s->stale = 0;
    }
    if (now->val_step != now->step) /* no evaluation at this step, or none yet */
        return 0;
    if (s->seen < 0 || now->val_loss < s->best - s->gain) {
        s->best = now->val_loss;
        s->stale = 0;
    } else {
        s->stale++;
    }
    s->seen = now->step;
    return s->stale >= s->patience;
}

/* Why, for the log and the database; NULL would say nothing. */
static const char *my_plugin_reason(tfx_scaling *s)
{
    snprintf(s->text, sizeof(s->text), "no gain of %.4g on a validation loss of %.4f in %" PRId64 " evaluations",
             s->gain, s->best, s->stale);
    return s->text;
}

/* Step 5. Remember. The text is kept with each checkpoint, and a run that resumes from it gets it back first. (%a writes
 * a double exactly.) */
static const char *my_plugin_save(tfx_scaling *s)
{
    snprintf(s->text, sizeof(s->text), "%" PRIu32 " %" PRId64 " %" PRId64 " %a", s->stage, s->seen, s->stale, s->best);
    return s->text;
}

static tfx_status my_plugin_load(tfx_scaling *s, const char *text)
{
    tfx_scaling t = *s;
    int end = 0;
    sscanf(text, "%" SCNu32 " %" SCNd64 " %" SCNd64 " %la%n", &t.stage, &t.seen, &t.stale, &t.best, &end);
    if (!end || text[end])
        return s->host->fail(s->host, TFX_E_DATA, "the checkpoint's state is not one of my_plugin: \"%.100s\"", text);
    *s = t;
    return TFX_OK;
}

/* Step 6. Refuse what could never grow, when the run is planned. */
static tfx_status my_plugin_check_stage(const tfx_scaling *s, const tfx_planned_stage *p)
{
    int64_t evaluations = p->eval_every ? p->steps / p->eval_every : 0;
    if (evaluations <= s->patience)
        return s->host->fail(s->host, TFX_E_INVALID,
                             "patience: expected less than the %" PRId64 " evaluations of stage %" PRIu32
                             " (its steps by train.eval_every); found %" PRId64,
                             evaluations, p->stage, s->patience);
    return TFX_OK;
}

/* Step 7. Name the policy as specs will, and the plugin: name, version, summary. */
static const tfx_scaling_class my_plugin_class = {
    .struct_size = sizeof(tfx_scaling_class),
    .name = "my_plugin",
    .summary = "grows when the validation loss has stalled",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .create = my_plugin_create,
    .destroy = my_plugin_destroy,
    .n_stages = my_plugin_n_stages,
    .stage = my_plugin_stage,
    .should_grow = my_plugin_should_grow,
    .save = my_plugin_save,
    .load = my_plugin_load,
    .check_stage = my_plugin_check_stage,
    .reason = my_plugin_reason,
};

TFX_PLUGIN("my_plugin", "0.1.0", "a scaling policy to start from", TFX_KIND_SCALING, &my_plugin_class);
