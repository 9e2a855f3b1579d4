/* budget: splits the FLOPs of a run among a list of models by given fractions, the first model included. */
#define TFX_NEEDS_MINOR 1
#include <math.h>

#include "chain.h"

static const tfx_option options[] = {
    CHAIN_OPTIONS,
    TFX_OPTION("flops", TFX_OPT_REAL, NULL, 1, INFINITY, NULL,
               "FLOPs of the whole run; [train] steps, tokens and flops mean nothing then"),
    TFX_OPTION("fractions", TFX_OPT_REAL_LIST, NULL, 0, 1, NULL,
               "the share of each stage, that of the arm's own model first; they add up to 1"),
};

struct tfx_scaling {
    chain chain; /* first */
    double flops, sum;
    const double *fractions; /* of each stage */
};

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    tfx_scaling s = {.sum = 0};
    size_t n;
    tfx_status status = chain_create(&s.chain, h, o);
    if (status != TFX_OK)
        return status;
    s.flops = h->opt_real(h, o, "flops");
    s.fractions = h->opt_real_list(h, o, "fractions", &n);
    if (n != s.chain.n_models + 1)
        return h->fail(h, TFX_E_INVALID,
                       "fractions: expected one for the arm's own model and one for each of the %zu models; found %zu",
                       s.chain.n_models, n);
    for (size_t i = 0; i < n; i++) {
        if (!(s.fractions[i] > 0))
            return h->fail(h, TFX_E_INVALID, "fractions: expected numbers above 0; found %g", s.fractions[i]);
        s.sum += s.fractions[i];
    }
    if (fabs(s.sum - 1) > 1e-6) /* so that thirds can be written down */
        return h->fail(h, TFX_E_INVALID, "fractions: expected a sum of 1; found %.9g", s.sum);
    *out = malloc(sizeof(s));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    **out = s;
    return TFX_OK;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    chain_stage(&s->chain, index, out);
    out->flops = s->flops * s->fractions[index] / s->sum;
    return TFX_OK;
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "budget",
    "splits the FLOPs of a run among a list of models",
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

TFX_PLUGIN("budget", "1.0.0", "growth by shares of a FLOP budget", TFX_KIND_SCALING, &scaling);
