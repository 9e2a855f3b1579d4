/* Comparisons for people and programs (framework/analysis/compare.h). */
#ifndef TFX_REPORT_COMPARE_TEXT_H
#define TFX_REPORT_COMPARE_TEXT_H

#include <stdio.h>

#include "framework/analysis/compare.h"

void tfx_report_comparison(const tfx_comparison *c, int json, FILE *out);

/* The whole comparison as a JSON object, for a larger document. The caller deletes it. */
struct cJSON *tfx_comparison_json(const tfx_comparison *c);

#endif
