/* Forecasts of a plan: what is expected of each arm and what it would save, as text or JSON. */
#ifndef TFX_REPORT_FORECAST_TABLE_H
#define TFX_REPORT_FORECAST_TABLE_H

#include <stdio.h>

#include "framework/analysis/arm_forecast.h"

struct cJSON;

void tfx_report_forecasts(const tfx_arm_forecast *arms, size_t n, FILE *out);
/* {"arms": [...], "savings": [...]}; the caller deletes it. */
struct cJSON *tfx_report_forecasts_json(const tfx_arm_forecast *arms, size_t n);

#endif
