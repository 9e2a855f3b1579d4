/* Bands: see framework/report/fit_band.h. */
#include "framework/report/fit_band.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/analysis/frontier.h"
#include "framework/base/memory.h"
#include "framework/store/queries_report.h"

static double loss_at(const tfx_law *law, const double *theta, const void *x)
{
    return tfx_law_loss(law, theta, x);
}

static int is_of_flops(const tfx_law *law)
{
    return law->n_variables == 1 && !strcmp(law->variables[0].symbol, "C");
}

size_t tfx_fit_band(const tfx_fit *f, double from, double to, tfx_band_point points[TFX_BAND_POINTS])
{
    if (!f->law->two_terms && !is_of_flops(f->law))
        return 0;
    for (size_t i = 0; i < TFX_BAND_POINTS; i++) {
        double flops = from * pow(to / from, (double)i / (TFX_BAND_POINTS - 1));
        tfx_interval interval;
        points[i].flops = flops;
        if (f->law->two_terms) {
            tfx_optimum o = tfx_frontier_optimum(f, flops);
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

tfx_saved_fit *tfx_fits_load(tfx_store *s, tfx_id experiment, size_t *n, tfx_error *err)
{
    tfx_saved_fit *all = NULL;
    size_t cap = 0;
    *n = 0;
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_FITS, experiment, err);
    while (err->status == TFX_OK && tfx_rows_next(q, err)) { /* one row for each coefficient, those of a fit together */
        const char *name = tfx_rows_text(q, 0, err);
        if (!*n || strcmp(all[*n - 1].name, name) != 0)
            tfx_saved_fit_load(TFX_APPEND(all, *n, cap), s, name, err);
    }
    tfx_rows_close(q);
    return all;
}

void tfx_fits_finish(tfx_saved_fit *fits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tfx_saved_fit_finish(&fits[i]);
    free(fits);
}
