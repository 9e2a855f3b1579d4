/* Fits as JSON: numbers with their intervals, for reports and for the database. */
#ifndef TFX_ANALYSIS_FIT_JSON_H
#define TFX_ANALYSIS_FIT_JSON_H

#include "framework/analysis/fit.h"

struct cJSON;

/* A number; null where it is not finite. */
void tfx_json_add_number(struct cJSON *to, const char *key, double x);
/* {"estimate": x, "standard_error": .., "interval_80": [low, high], "interval_95": [low, high]}, the intervals null
 * where they are not known. The caller deletes it. */
struct cJSON *tfx_estimate_json(double x, const tfx_interval *i);
/* By name, each as above with "identified" and, where it is not, "doubt". The caller deletes it. */
struct cJSON *tfx_fit_coefficients_json(const tfx_fit *f);

#endif
