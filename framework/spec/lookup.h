/* Lookup: values that a spec takes from results, as ${best:EXPERIMENT.ARM.KEY}. A spec knows of no database: whoever
 * loads it says how values are found. */
#ifndef TFX_SPEC_LOOKUP_H
#define TFX_SPEC_LOOKUP_H

#include <stdint.h>

#include "framework/base/error.h"

/* A value that was taken, and where it is from. Owns its strings. */
typedef struct tfx_taken {
    char *expression; /* "best:search.small.train.lr" */
    char *value;
    int64_t experiment;    /* the row of the search */
    char *arm, *runs;      /* the point that has it, and its runs: "3, 4" */
    char *model;           /* that it begins with; NULL: not known */
    double loss;           /* mean over them, of the validation loss at their ends */
    int64_t points, seeds; /* how many points were tried, and seeds of that one */
    int used;              /* by a part of a spec that counts: a profile that was not chosen does not */
} tfx_taken;

typedef struct tfx_lookup {
    /* Fills value and origin of *out, whose strings the lookup frees, on error, too. Messages have no place. */
    tfx_status (*find)(void *user, const char *expression, tfx_taken *out, tfx_error *err);
    void *user;
    tfx_taken *values; /* found so far: an expression has one value, however often a spec is read */
    size_t n, cap;
    int checking; /* what is read now is not what will be run */
} tfx_lookup;

/* Whether what stands in ${...} is such an expression. */
int tfx_lookup_is_expression(const char *name);
/* Its value, or NULL with a message that has no place. `l` may be NULL: then there is none to be had. */
const char *tfx_lookup_value(tfx_lookup *l, const char *expression, int used, tfx_error *err);
void tfx_lookup_finish(tfx_lookup *l);

void tfx_taken_finish(tfx_taken *t);
/* "${best:search.small.train.lr} is 2e-3, of small[lr=2e-3] in experiment 3: ..."; heap. */
char *tfx_taken_text(const tfx_taken *t);

#endif
