/* schedule: grows a model at fixed steps through a list of models. */
#define TFX_NEEDS_MINOR 1
#include "chain.h"

static const tfx_option options[] = {
    CHAIN_OPTIONS,
    TFX_OPTION("steps", TFX_OPT_INT_LIST, "", 1, 1e12, NULL, "steps to train each of them; stage 0 takes train.steps"),
    TFX_OPTION("tokens", TFX_OPT_INT_LIST, "", 1, 9e15, NULL,
               "instead of steps: tokens to train each of them, rounded up to whole steps"),
};

struct tfx_scaling {
    chain chain;                   /* first */
    const int64_t *steps, *tokens; /* one of them has an entry for each model, the other is NULL */
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s;
    size_t n_steps, n_tokens;
    tfx_status status = chain_create(&s.chain, h, o);
    if (status != TFX_OK)
        return status;
    s.steps = h->opt_int_list(h, o, "steps", &n_steps);
    s.tokens = h->opt_int_list(h, o, "tokens", &n_tokens);
    if (n_steps && n_tokens)
        return h->fail(h, TFX_E_INVALID, "tokens: expected either steps or tokens; found both");
    if (s.chain.n_models != n_steps + n_tokens)
        return h->fail(h, TFX_E_INVALID, "%s: expected one entry for each of the %zu models; found %zu",
                       n_tokens ? "tokens" : "steps", s.chain.n_models, n_steps + n_tokens);
    if (n_tokens)
        s.steps = NULL;
    else
        s.tokens = NULL;
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    chain_stage(&s->chain, index, out);
    if (index && s->tokens)
        out->tokens = s->tokens[index - 1];
    else
        out->steps = index ? s->steps[index - 1] : 0;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    (void)s, (void)signals;
    return 0; /* the stages' step counts say it all */
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "schedule",
    "grows at fixed steps through a list of models",
    options,
    sizeof(options) / sizeof(*options),
    create,
    destroy,
    n_stages,
    stage,
    should_grow,
    NULL,
    check,
    NULL,
    NULL,
};

TFX_PLUGIN("schedule", "1.0.0", "growth at fixed steps", TFX_KIND_SCALING, &scaling);
