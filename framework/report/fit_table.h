/* Fits: a fitted law with its intervals, frontier and forecasts, as text or JSON. */
#ifndef TFX_REPORT_FIT_TABLE_H
#define TFX_REPORT_FIT_TABLE_H

#include <stdio.h>

#include "framework/analysis/forecast.h"
#include "framework/analysis/frontier.h"

typedef struct tfx_fit_report {
    const char *source; /* a file, or names of experiments */
    const tfx_observations *observations;
    const tfx_fit *fit;
    const tfx_frontier *frontier; /* NULL: the law has none */
    tfx_forecast *forecasts;
    size_t n_forecasts;
} tfx_fit_report;

void tfx_report_fit(const tfx_fit_report *r, FILE *out);
/* The same with every residual. Numbers that are not finite, and intervals that are not known, are null. */
void tfx_report_fit_json(const tfx_fit_report *r, FILE *out);

/* The fits that were saved. */
tfx_status tfx_report_fits(tfx_store *s, int json, FILE *out, tfx_error *err);

#endif
