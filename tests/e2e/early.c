/* A policy that grows when it sees fit, before its planned steps are over: `early` grows
 * into `model` after `at` steps, by prefix copy. */
#include <stdlib.h>
#include <string.h>

#include "tfx/scaling.h"

static const tfx_option options[] = {
    TFX_OPTION("model", TFX_OPT_STRING, NULL, 0, 0, NULL, "the model to grow into"),
    TFX_OPTION("at", TFX_OPT_INT, "5", 1, 1e9, NULL, "steps before growth"),
};

struct tfx_scaling {
    const tfx_host *host;
    const char *model;
    int64_t at;
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    *out = malloc(sizeof(**out));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = (tfx_scaling){h, h->opt_string(h, o, "model"), h->opt_int(h, o, "at")};
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
    out->model = index ? s->model : NULL;
    out->steps = index ? 8 : 0;
    out->restart_schedule = 1;
    out->carry = TFX_STATE_EXTEND;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    int now = signals->stage == 0 && signals->stage_step >= s->at;
    if (now)
        s->host->log(s->host, TFX_LOG_WARN, "grows after %lld steps", (long long)signals->stage_step);
    return now;
}

static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    size_t row = 1; /* pattention grows along its first axis */
    (void)s;
    for (uint32_t i = 1; i < p->n_dims; i++)
        row *= (size_t)p->dims[i];
    memcpy(p->data, p->old_data, sizeof(float) * row * (size_t)(p->n_dims ? p->old_dims[0] : 1));
    return TFX_OK;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "early",
    "grows before its planned steps are over",
    options,
    sizeof(options) / sizeof(*options),
    create,
    destroy,
    n_stages,
    stage,
    should_grow,
    grow_param,
    NULL,
};

TFX_PLUGIN("early", "1.0.0", "a policy that grows early", TFX_KIND_SCALING, &scaling);
