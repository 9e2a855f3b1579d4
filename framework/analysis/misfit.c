/* Misfit: see framework/analysis/misfit.h. */
#include "framework/analysis/misfit.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"

void tfx_misfit_init(tfx_misfit *r, const tfx_observations *o, double delta)
{
    *r = (tfx_misfit){.law = o->law, .n = o->n, .delta = delta};
    r->u = tfx_alloc(o->n * sizeof(*r->u));
    r->log_loss = TFX_NEW_ARRAY(double, o->n);
    r->weight = TFX_NEW_ARRAY(double, o->n);
    for (size_t i = 0; i < o->n; i++) {
        for (size_t k = 0; k < o->law->n_variables; k++) {
            r->u[i][k] = log(o->items[i].x[k]);
            r->centre[k] += r->u[i][k] / (double)o->n;
        }
        r->log_loss[i] = log(o->items[i].loss);
        r->mean_log_loss += r->log_loss[i] / (double)o->n;
        r->weight[i] = 1;
    }
    for (size_t i = 0; i < o->n; i++)
        for (size_t k = 0; k < o->law->n_variables; k++)
            r->u[i][k] -= r->centre[k];
}

tfx_misfit tfx_misfit_reweighted(const tfx_misfit *r)
{
    tfx_misfit copy = *r;
    copy.weight = TFX_NEW_ARRAY(double, r->n);
    return copy;
}

void tfx_misfit_finish_reweighted(tfx_misfit *r)
{
    free(r->weight);
}

void tfx_misfit_finish(tfx_misfit *r)
{
    free(r->u);
    free(r->log_loss);
    free(r->weight);
    *r = (tfx_misfit){0};
}

double tfx_misfit_objective(void *misfit, const double *theta, double *gradient)
{
    const tfx_misfit *r = misfit;
    size_t n = r->law->n_coefficients;
    double sum = 0, part[TFX_LAW_COEFFICIENTS];
    if (gradient)
        memset(gradient, 0, n * sizeof(*gradient));
    for (size_t i = 0; i < r->n; i++) {
        if (r->weight[i] == 0)
            continue;
        double x = r->law->predict(theta, r->u[i], gradient ? part : NULL) - r->log_loss[i];
        int quadratic = fabs(x) <= r->delta;
        sum += r->weight[i] * (quadratic ? 0.5 * x * x / r->delta : fabs(x) - 0.5 * r->delta);
        double slope = r->weight[i] * (quadratic ? x / r->delta : x > 0 ? 1 : -1);
        for (size_t k = 0; gradient && k < n; k++)
            gradient[k] += slope * part[k];
    }
    return sum;
}
