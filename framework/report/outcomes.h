/* Outcomes: what the finished runs of each arm came to, as means over seeds. */
#ifndef TFX_REPORT_OUTCOMES_H
#define TFX_REPORT_OUTCOMES_H

#include "framework/store/store.h"

typedef struct tfx_outcome {
    char *arm;
    int64_t runs, done, growths;                           /* growths: events, of all runs */
    double first_parameters, parameters, flops, loss, std; /* of the runs that are done; NaN: none is, or no spread */
} tfx_outcome;

typedef struct tfx_outcomes {
    tfx_outcome *items; /* every arm, in the order of the spec */
    size_t n, cap;
} tfx_outcomes;

/* Always finish it. */
tfx_status tfx_outcomes_load(tfx_store *s, tfx_id experiment, tfx_outcomes *out, tfx_error *err);
void tfx_outcomes_finish(tfx_outcomes *o);

#endif
