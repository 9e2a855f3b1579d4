/* Swept: where the arms of a sweep over a number, such as the learning rate, ended, for each value. */
#ifndef TFX_REPORT_SWEPT_H
#define TFX_REPORT_SWEPT_H

#include "framework/report/loss_curves.h"

typedef struct tfx_swept_end {
    size_t group; /* of the arm that was swept, in tfx_loss_curves */
    char *text;   /* of the value, as the spec has it */
    double value, loss;
    int64_t seed;
} tfx_swept_end;

typedef struct tfx_swept {
    char *key, *other_key; /* what was swept; another that was, too, NULL: none */
    tfx_swept_end *ends;   /* by group, value and seed */
    size_t n, cap;
} tfx_swept;

/* Values that are no numbers, such as models, are left out, and so are losses that diverged. Always finish it. */
tfx_status tfx_swept_load(tfx_swept *s, tfx_store *store, tfx_id experiment, const tfx_loss_curves *curves,
                          tfx_error *err);
void tfx_swept_finish(tfx_swept *s);

/* How many ends from the i-th on are of its group, and how many of these of its value, too, with their mean loss. */
size_t tfx_swept_of_group(const tfx_swept *s, size_t i);
size_t tfx_swept_of_value(const tfx_swept *s, size_t i, double *mean);

#endif
