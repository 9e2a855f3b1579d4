/* Comparisons for people and programs (framework/analysis/compare.h). */
#ifndef TFX_REPORT_COMPARE_TEXT_H
#define TFX_REPORT_COMPARE_TEXT_H

#include <stdio.h>

#include "framework/analysis/compare.h"

void tfx_report_comparison(const tfx_comparison *c, int json, FILE *out);

/* The whole comparison as a JSON object, for a larger document. The caller deletes it. */
struct cJSON *tfx_comparison_json(const tfx_comparison *c);
/* What is said of one arm of A, in one line. */
typedef enum tfx_contrast_part {
    TFX_CONTRAST_EQUAL_LOSS = 0,
    TFX_CONTRAST_EQUAL_COST,
    TFX_CONTRAST_SEEDS
} tfx_contrast_part;
char *tfx_contrast_text(const tfx_comparison *c, size_t arm, tfx_contrast_part part); /* heap */

#endif
