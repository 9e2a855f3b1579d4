/* Bands: see framework/report/fit_band.h. */
#include "framework/report/fit_band.h"

#include <math.h>
#include <string.h>

#include "framework/analysis/frontier.h"

static double loss_at(const tfx_law *law, const double *theta, const void *x)
{
    return tfx_law_loss(law, theta, x);
}

static int is_of_flops(const tfx_law *law)
{
    return law->n_variables == 1 && !strcmp(law->variables[0].symbol, "C");
}

size_t tfx_fit_band(const tfx_fit *f, double flops_per_nd, double from, double to,
                    tfx_band_point points[TFX_BAND_POINTS])
{
    if (!f->law->two_terms && !is_of_flops(f->law))
        return 0;
    for (size_t i = 0; i < TFX_BAND_POINTS; i++) {
        double flops = from * pow(to / from, (double)i / (TFX_BAND_POINTS - 1));
        tfx_interval interval;
        points[i].flops = flops;
        if (f->law->two_terms) {
            tfx_optimum o = tfx_frontier_optimum(f, flops_per_nd, flops);
            points[i].loss = o.loss;
            interval = o.loss_interval;
        } else {
            points[i].loss = tfx_law_loss(f->law, f->theta, &flops);
            interval = tfx_fit_interval(f, loss_at, &flops);
        }
        points[i].low = interval.known ? interval.low_95 : (double)NAN;
        points[i].high = interval.known ? interval.high_95 : (double)NAN;
    }
    return TFX_BAND_POINTS;
}

double tfx_flops_per_nd(const tfx_endpoints *ends)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < ends->n; i++) {
        const tfx_endpoint *e = &ends->items[i];
        double k = e->incl[TFX_COST_FLOPS] / (e->parameters * e->incl[TFX_COST_TOKENS]);
        if (e->decayed == 1 && isfinite(k) && k > 0) {
            sum += log(k);
            n++;
        }
    }
    return n ? exp(sum / (double)n) : 6;
}
