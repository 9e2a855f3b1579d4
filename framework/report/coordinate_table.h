/* What a coordinate check found, as a table and as JSON. */
#ifndef TFX_REPORT_COORDINATE_TABLE_H
#define TFX_REPORT_COORDINATE_TABLE_H

#include <stdio.h>

#include "framework/train/coordinates.h"

struct cJSON;

/* Models of the same layers, of `n` different sizes. The size is the width of the stream or, where two models have the same, the
 * number of parameters. Exponents are slopes of least squares through the logarithms. */
typedef struct tfx_coordinate_report {
    const tfx_coordinates *models;
    uint32_t n;
    const char *arm; /* whose [train] */
    const tfx_train_config *train;
    int64_t steps;
    size_t n_seeds;
} tfx_coordinate_report;

/* Whether all models have the layers of the first one, and no two of them one size. */
tfx_status tfx_coordinates_comparable(const tfx_coordinates *models, uint32_t n, tfx_error *err);

void tfx_coordinates_print(const tfx_coordinate_report *r, FILE *out);
/* What is not finite is null. The caller deletes it. */
struct cJSON *tfx_coordinates_json(const tfx_coordinate_report *r);

#endif
