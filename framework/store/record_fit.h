/* Fits and forecasts: writing them. framework/store/queries_fits.h reads them. */
#ifndef TFX_STORE_RECORD_FIT_H
#define TFX_STORE_RECORD_FIT_H

#include "framework/store/store.h"

/* The JSON columns are explained in docs/database.md. */
typedef struct tfx_fit_row {
    const char *name, *source, *form;
    tfx_id experiment; /* 0: its points are of several, or of a file */
    double delta, objective;
    int64_t seed, points;
    double flops_fixed, flops_per_parameter; /* of what a token costs; NaN: not measured */
    const char *ranges_json, *coefficients_json, *replicates_json;
} tfx_fit_row;
/* A name that is taken is an error: what was forecast by a fit stays comparable with it. */
tfx_id tfx_store_add_fit(tfx_store *s, const tfx_fit_row *row, tfx_error *err);

/* What a fit expects of a run that has not begun; low and high are NaN where they are not known. A forecast by the same
 * fit that is there already stays. */
tfx_status tfx_store_add_forecast(tfx_store *s, tfx_id run, tfx_id fit, double loss, double low, double high,
                                  tfx_error *err);

#endif
