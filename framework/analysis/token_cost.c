/* Token cost: see framework/analysis/token_cost.h. */
#include "framework/analysis/token_cost.h"

#include <math.h>

/* 2 FLOPs forward and 4 backward for each parameter and token (Kaplan et al. 2020). */
#define USUAL 6

/* Sizes that differ by less than this say nothing of a slope. */
#define NEGLIGIBLE 1e-6

/* Relative differences 1 - (fixed + slope n) / c are least where their derivatives by both are 0: two equations. */
static int fit_line(const tfx_observations *o, double *fixed, double *slope)
{
    double aa = 0, ab = 0, bb = 0, a1 = 0, b1 = 0;
    for (size_t i = 0; i < o->n; i++) {
        const tfx_observation *p = &o->items[i];
        double c = p->flops / p->x[1], a = 1 / c, b = p->x[0] / c;
        aa += a * a;
        ab += a * b;
        bb += b * b;
        a1 += a;
        b1 += b;
    }
    double determinant = aa * bb - ab * ab;
    if (!(determinant > NEGLIGIBLE * aa * bb))
        return 0;
    *fixed = (a1 * bb - b1 * ab) / determinant;
    *slope = (b1 * aa - a1 * ab) / determinant;
    return *fixed >= 0 && *slope > 0;
}

tfx_token_cost tfx_token_cost_of(const tfx_observations *o)
{
    tfx_token_cost c = {.per_parameter = USUAL};
    double sum = 0;
    for (size_t i = 0; i < o->n; i++) {
        const tfx_observation *p = &o->items[i];
        if (!(p->flops > 0))
            return c;
        sum += log(p->flops / (p->x[0] * p->x[1]));
    }
    if (!o->n)
        return c;
    c.measured = 1;
    if (!fit_line(o, &c.fixed, &c.per_parameter)) {
        c.fixed = 0;
        c.per_parameter = exp(sum / (double)o->n);
    }
    return c;
}

double tfx_token_cost_at(const tfx_token_cost *c, double n)
{
    return c->fixed + c->per_parameter * n;
}
