#include "framework/report/outcomes.h"

#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/store/queries.h"
#include "framework/store/queries_report.h"

int tfx_outcome_grows(const tfx_outcome *o)
{
    return o->growths > 0 && !o->twin_of && !o->outdone;
}

int tfx_outcome_is_twin(const tfx_outcome *other, const tfx_outcome *grown)
{
    return other->twin_of && !strcmp(other->twin_of, grown->base ? grown->base : grown->arm);
}

tfx_status tfx_outcomes_load(tfx_store *s, tfx_id experiment, tfx_outcomes *out, tfx_error *err)
{
    *out = (tfx_outcomes){.n = 0};
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_OUTCOMES, experiment, err);
    while (tfx_rows_next(q, err)) {
        tfx_outcome *o = TFX_APPEND(out->items, out->n, out->cap);
        o->arm = tfx_strdup(tfx_rows_text(q, 0, err));
        o->loss = tfx_rows_real(q, 1, err);
        o->std = tfx_rows_real(q, 2, err);
        o->runs = tfx_rows_int(q, 4, 0, err);
        o->done = tfx_rows_int(q, 5, 0, err);
        o->growths = tfx_rows_int(q, 6, 0, err);
        o->first_parameters = tfx_rows_real(q, 7, err);
        o->parameters = tfx_rows_real(q, 8, err);
        o->flops = tfx_rows_real(q, 10, err);
        o->twin = tfx_rows_copy(q, 13, err);
        o->twin_of = tfx_rows_copy(q, 14, err);
    }
    tfx_rows_close(q);
    q = tfx_query_twins(s, experiment, err); /* arms in the same order */
    for (size_t i = 0; i < out->n && tfx_rows_next(q, err); i++) {
        out->items[i].base = tfx_rows_copy(q, 3, err);
        out->items[i].outdone = !tfx_rows_is_null(q, 4);
    }
    tfx_rows_close(q);
    return err->status;
}

void tfx_outcomes_finish(tfx_outcomes *o)
{
    for (size_t i = 0; i < o->n; i++) {
        free(o->items[i].arm);
        free(o->items[i].base);
        free(o->items[i].twin);
        free(o->items[i].twin_of);
    }
    free(o->items);
    *o = (tfx_outcomes){.n = 0};
}
