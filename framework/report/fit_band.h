/* Bands: what saved fits expect for training FLOPs, with their intervals, as lines to draw. */
#ifndef TFX_REPORT_FIT_BAND_H
#define TFX_REPORT_FIT_BAND_H

#include "framework/analysis/saved_fit.h"

#define TFX_BAND_POINTS 41

typedef struct tfx_band_point {
    double flops, loss, low, high; /* low, high: of the 95% interval; NaN: not known */
} tfx_band_point;

/* Points of the law at equal distances in log(FLOPs): for a law of FLOPs its value, for one of N and D the least loss that
 * it has for them. Returns how many: TFX_BAND_POINTS, or 0 where the law is of something else. */
size_t tfx_fit_band(const tfx_fit *f, double from, double to, tfx_band_point points[TFX_BAND_POINTS]);

/* The fits that are saved of an experiment, or have forecast it, in the order of their making: n of them, for
 * tfx_fits_finish. */
tfx_saved_fit *tfx_fits_load(tfx_store *s, tfx_id experiment, size_t *n, tfx_error *err);
void tfx_fits_finish(tfx_saved_fit *fits, size_t n);

#endif
