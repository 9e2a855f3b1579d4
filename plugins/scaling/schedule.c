/* schedule: grows a model at fixed steps through a list of models. The lengths of the stages may be said in tokens or
 * FLOPs as well. */
#define TFX_NEEDS_MINOR 1
#include <math.h>

#include "chain.h"

static const tfx_option options[] = {
    CHAIN_OPTIONS,
    TFX_OPTION("steps", TFX_OPT_INT_LIST, "", 1, 1e12, NULL, "steps to train each of them; stage 0 takes train.steps"),
    TFX_OPTION("tokens", TFX_OPT_INT_LIST, "", 1, 9e15, NULL,
               "instead of steps: tokens to train each of them, rounded up to whole steps"),
    TFX_OPTION("flops", TFX_OPT_REAL_LIST, "", 1, INFINITY, NULL,
               "instead of steps: FLOPs to train each of them, rounded to whole steps"),
};

struct tfx_scaling {
    chain chain;                   /* first */
    const int64_t *steps, *tokens; /* one of the three has an entry for each model, the others are NULL */
    const double *flops;
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s;
    size_t n[3];
    tfx_status status = chain_create(&s.chain, h, o);
    if (status != TFX_OK)
        return status;
    s.steps = h->opt_int_list(h, o, "steps", &n[0]);
    s.tokens = h->opt_int_list(h, o, "tokens", &n[1]);
    s.flops = h->opt_real_list(h, o, "flops", &n[2]);
    const char *name = n[2] ? "flops" : n[1] ? "tokens" : "steps";
    if ((n[0] != 0) + (n[1] != 0) + (n[2] != 0) > 1)
        return h->fail(h, TFX_E_INVALID, "%s: expected one of steps, tokens and flops; found %s", name,
                       n[0] && n[1] && n[2] ? "all of them" : "two of them");
    if (s.chain.n_models != n[0] + n[1] + n[2])
        return h->fail(h, TFX_E_INVALID, "%s: expected one entry for each of the %zu models; found %zu", name,
                       s.chain.n_models, n[0] + n[1] + n[2]);
    s.steps = n[0] ? s.steps : NULL;
    s.tokens = n[1] ? s.tokens : NULL;
    s.flops = n[2] ? s.flops : NULL;
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    chain_stage(&s->chain, index, out);
    if (index && s->steps)
        out->steps = s->steps[index - 1];
    if (index && s->tokens)
        out->tokens = s->tokens[index - 1];
    if (index && s->flops)
        out->flops = s->flops[index - 1];
    return TFX_OK;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "schedule",
    "grows at fixed steps, tokens or FLOPs through a list of models",
    options,
    sizeof(options) / sizeof(*options),
    create,
    destroy,
    n_stages,
    stage,
    NULL,
    NULL,
    check,
    NULL,
    NULL,
};

TFX_PLUGIN("schedule", "1.0.0", "growth at fixed steps", TFX_KIND_SCALING, &scaling);
