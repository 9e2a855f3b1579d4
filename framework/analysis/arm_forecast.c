/* Forecasts of arms: see framework/analysis/arm_forecast.h. */
#include "framework/analysis/arm_forecast.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plan/origin.h"

static int is_about(const tfx_fit_choice *c, const tfx_arm_plan *p)
{
    const tfx_law *law = c->saved.fit.law;
    int grows = p->n_stages > 1 || p->claims[0].why;
    if (c->pattern && strcmp(c->pattern, p->arm->name) != 0 && fnmatch(c->pattern, p->arm->name, 0) != 0)
        return 0;
    return !strcmp(law->name, "power") || grows == !strcmp(law->name, "grown");
}

tfx_arm_forecast tfx_arm_forecast_of(const tfx_arm_plan *plan, const tfx_fit_choice *choices, size_t n)
{
    const tfx_stage_plan *last = plan->stages[plan->n_stages - 1];
    double tokens = tfx_arm_plan_tokens(plan);
    tfx_arm_forecast f = {.plan = plan, .flops = tfx_arm_plan_flops(plan)};
    if (plan->origin) {
        tokens += (double)plan->origin->before.tokens;
        f.flops += plan->origin->before.flops;
    }
    for (size_t i = 0; i < n && !f.fit; i++)
        if (is_about(&choices[i], plan))
            f.fit = &choices[i].saved;
    if (!f.fit)
        return f;
    if (!strcmp(f.fit->fit.law->name, "power"))
        f.forecast.x[0] = f.flops;
    else if (!strcmp(f.fit->fit.law->name, "grown")) {
        f.forecast.x[1] = tfx_stage_tokens(last);
        f.forecast.x[0] = tokens - f.forecast.x[1];
    } else {
        f.forecast.x[0] = (double)last->n_params;
        f.forecast.x[1] = tokens;
    }
    tfx_forecast_make(&f.forecast, &f.fit->fit);
    return f;
}

/* The tokens that a model of n parameters takes to come to a loss, by halving an interval of their logarithm, along
 * which the loss falls; INFINITY: no number of them does. */
static double tokens_to(const tfx_law *law, const double *theta, double n, double loss)
{
    double low = 0, high = 100, u[2] = {log(n), high};
    if (!(exp(law->predict(theta, u, NULL)) < loss))
        return INFINITY;
    for (int i = 0; i < 60; i++) {
        u[1] = 0.5 * (low + high);
        *(exp(law->predict(theta, u, NULL)) > loss ? &low : &high) = u[1];
    }
    return exp(high);
}

static double other_flops(const tfx_arm_forecast *other, const double *theta, double loss)
{
    const tfx_stage_plan *s = other->plan->stages[other->plan->n_stages - 1];
    return s->flops_per_token * tokens_to(other->fit->fit.law, theta, other->forecast.x[0], loss);
}

static const double *replicate(const tfx_fit *f, size_t i)
{
    return f->replicates + i * f->law->n_coefficients;
}

int tfx_saving_of(tfx_saving *out, const tfx_arm_forecast *arm, const tfx_arm_forecast *other)
{
    if (arm == other || !arm->fit || !other->fit || !other->fit->fit.law->two_terms)
        return 0;
    const tfx_fit *mine = &arm->fit->fit, *theirs = &other->fit->fit;
    size_t n = mine->params.replicates < theirs->params.replicates ? mine->params.replicates
                                                                   : theirs->params.replicates;
    double *saved = TFX_NEW_ARRAY(double, n);
    /* One fit of both: the same replicate of both, so that what they share cancels. */
    for (size_t i = 0; i < n; i++) {
        double loss = tfx_law_loss(mine->law, replicate(mine, i), arm->forecast.x);
        saved[i] = 1 - arm->flops / other_flops(other, replicate(theirs, i), loss);
    }
    out->other_flops = other_flops(other, theirs->theta, arm->forecast.loss);
    out->saved = 1 - arm->flops / out->other_flops;
    out->interval = tfx_interval_of(saved, n);
    free(saved);
    return 1;
}
