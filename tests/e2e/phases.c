/* A policy that says itself how its second stage trains, or with `wrong` something that it must not say. */
#define TFX_NEEDS_MINOR 1
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tfx/scaling.h"

static const tfx_option options[] = {
    TFX_OPTION("model", TFX_OPT_STRING, NULL, 0, 0, NULL, "the model to grow into"),
    TFX_OPTION("wrong", TFX_OPT_STRING, "", 0, 0, NULL, "which member is wrong"),
};

struct tfx_scaling {
    const char *model, *wrong;
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    *out = malloc(sizeof(**out));
    **out = (tfx_scaling){h->opt_string(h, o, "model"), h->opt_string(h, o, "wrong")};
    return TFX_OK;
}

static void destroy(tfx_scaling *s)
{
    free(s);
}

static uint32_t n_stages(const tfx_scaling *s)
{
    (void)s;
    return 2;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    out->restart_schedule = 1;
    if (!index)
        return TFX_OK;
    out->model = s->model;
    out->steps = 3;
    out->batch = !strcmp(s->wrong, "batch") ? -1 : 6;
    out->lr = !strcmp(s->wrong, "lr") ? NAN : 2e-4;
    out->min_lr = !strcmp(s->wrong, "min_lr") ? 1 : 1e-4;
    out->warmup = 0;
    out->schedule = !strcmp(s->wrong, "schedule") ? "steep" : "linear";
    out->multipliers = 1;
    out->lr_old = !strcmp(s->wrong, "lr_old") ? -1 : 0;
    out->lr_new = 1;
    out->noise = !strcmp(s->wrong, "noise") ? INFINITY : 0;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    (void)s, (void)signals;
    return 0;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "phases",
    "stages that train in their own way",
    options,
    sizeof(options) / sizeof(*options),
    create,
    destroy,
    n_stages,
    stage,
    should_grow,
    NULL,
    NULL,
    NULL,
    NULL,
};

TFX_PLUGIN("phases", "1.0.0", "stages that train in their own way", TFX_KIND_SCALING, &scaling);
