#include "framework/graph/reports.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/emit.h"
#include "framework/plugin/classes.h"

void tfx_reports_finish(tfx_reports *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        free(r->items[i].name);
    free(r->items);
    *r = (tfx_reports){0};
}

void tfx_report_add(tfx_graph *g, const char *name, tfx_value value, int is_loss, double weight)
{
    const char *what = is_loss ? "loss" : "metric";
    if (g->err->status != TFX_OK || !value)
        return;
    if (!tfx_name_valid(name, 0)) {
        tfx_graph_fail(g, "%s: '%s' is not a name; use letters, digits, -, _ and .", what, name ? name : "(null)");
        return;
    }
    if (g->values[value].dtype != TFX_F32 || tfx_value_elements(g, value) != 1) {
        tfx_graph_fail(g, "%s %s: expected a single f32 number, found %s", what, name, tfx_graph_shape_text(g, value));
        return;
    }
    if (!isfinite(weight)) {
        tfx_graph_fail(g, "%s %s: its weight is %g", what, name, weight);
        return;
    }
    if (!g->reports)
        return;
    tfx_value scalar = tfx_emit_reshape(g, value, 0, NULL);
    *TFX_APPEND(g->reports->items, g->reports->n, g->reports->cap) = (tfx_report){
        tfx_printf("%s.%s", is_loss ? "loss" : "layer", name), scalar, is_loss, weight};
}

tfx_value tfx_reports_objective(tfx_graph *g, const tfx_reports *r, tfx_value loss)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->items[i].is_loss && r->items[i].weight != 0)
            loss = tfx_emit_binary(g, TFX_OP_ADD, loss, tfx_emit_affine(g, r->items[i].value, r->items[i].weight, 0.0));
    return loss;
}

static uint32_t place_of(char *const *names, uint32_t n, const char *name)
{
    uint32_t at = 0;
    while (at < n && strcmp(names[at], name))
        at++;
    return at;
}

tfx_value tfx_reports_means(tfx_graph *g, const tfx_reports *r, char ***names, uint32_t *n)
{
    tfx_value *sums = TFX_NEW_ARRAY(tfx_value, r->n);
    double *counts = TFX_NEW_ARRAY(double, r->n);
    *names = TFX_NEW_ARRAY(char *, r->n);
    *n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t at = place_of(*names, *n, r->items[i].name);
        tfx_value x = r->items[i].value;
        if (at == *n)
            (*names)[(*n)++] = tfx_strdup(r->items[i].name);
        sums[at] = counts[at] ? tfx_emit_binary(g, TFX_OP_ADD, sums[at], x) : x;
        counts[at]++;
    }
    for (uint32_t k = 0; k < *n; k++)
        sums[k] = tfx_emit_reshape(g, tfx_emit_affine(g, sums[k], 1.0 / counts[k], 0.0), 1, (int64_t[]){1});
    tfx_value joined = *n ? tfx_emit_concat(g, *n, sums, 0) : TFX_POISON;
    free(sums);
    free(counts);
    return joined;
}
