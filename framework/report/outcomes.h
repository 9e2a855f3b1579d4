/* Outcomes: what the finished runs of each arm came to, as means over seeds. */
#ifndef TFX_REPORT_OUTCOMES_H
#define TFX_REPORT_OUTCOMES_H

#include "framework/store/store.h"

typedef struct tfx_outcome {
    char *arm;
    char *base;                  /* of which arm it is a point; NULL: of none */
    int outdone;                 /* a point of the same search of learning rates is better */
    char *twin, *twin_of;        /* what an arm that grows is compared with: its kind, and whose; NULL: no twin */
    int64_t runs, done, growths; /* growths: events, of all runs */
    double first_parameters, parameters, flops, loss, std; /* of the runs that are done; NaN: none is, or no spread */
} tfx_outcome;

typedef struct tfx_outcomes {
    tfx_outcome *items; /* every arm, in the order of the spec */
    size_t n, cap;
} tfx_outcomes;

/* Whether an arm is one whose growth is a question: it grows, is no twin of another, and the best of its search. */
int tfx_outcome_grows(const tfx_outcome *o);
/* Whether `other` is a twin of `grown`. */
int tfx_outcome_is_twin(const tfx_outcome *other, const tfx_outcome *grown);

/* Always finish it. */
tfx_status tfx_outcomes_load(tfx_store *s, tfx_id experiment, tfx_outcomes *out, tfx_error *err);
void tfx_outcomes_finish(tfx_outcomes *o);

#endif
