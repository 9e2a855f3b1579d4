/* Contrasts: see framework/report/contrasts.h. */
#include "framework/report/contrasts.h"

#include <math.h>

#include "framework/base/memory.h"

/* What cannot be compared is not an error of the report: why is a part of it. */
static void compare(tfx_contrasts *c, const tfx_outcome *grown, const tfx_outcome *other)
{
    tfx_error err = {0};
    tfx_grown_contrast *g = TFX_APPEND(c->items, c->n, c->cap);
    g->grown = grown;
    g->other = other;
    g->comparison = (tfx_comparison){.a = grown->arm, .b = other->arm, .cost = TFX_COST_FLOPS};
    if (tfx_compare(&g->comparison, &c->ends, NULL, &err) != TFX_OK)
        g->why_not = tfx_strdup(err.text);
}

tfx_status tfx_contrasts_load(tfx_store *s, tfx_id experiment, const tfx_outcomes *outcomes, tfx_contrasts *out,
                              tfx_error *err)
{
    *out = (tfx_contrasts){.n = 0};
    if (tfx_endpoints_read(&out->ends, s, experiment, 0, err) != TFX_OK)
        return err->status;
    for (size_t i = 0; i < outcomes->n; i++)
        for (int twins = 1; twins >= 0; twins--) /* first */
            for (size_t k = 0; k < outcomes->n; k++) {
                const tfx_outcome *grown = &outcomes->items[i], *other = &outcomes->items[k];
                int is_twin = tfx_outcome_is_twin(other, grown);
                if (!other->outdone && tfx_outcome_grows(grown) && is_twin == twins && (is_twin || !other->growths) &&
                    isfinite(grown->loss) && isfinite(other->loss))
                    compare(out, grown, other);
            }
    return TFX_OK;
}

void tfx_contrasts_finish(tfx_contrasts *c)
{
    for (size_t i = 0; i < c->n; i++) {
        tfx_comparison_finish(&c->items[i].comparison);
        free(c->items[i].why_not);
    }
    free(c->items);
    tfx_endpoints_finish(&c->ends);
    *c = (tfx_contrasts){.n = 0};
}
