/* Storage of the graph; see emit.c for what goes into it. */
#include "framework/graph/graph.h"

#include "framework/base/memory.h"
#include "framework/plugin/calls/call.h"

void tfx_graph_init(tfx_graph *g, tfx_state_layout *state, tfx_error *err)
{
    *g = (tfx_graph){.state = state, .err = err};
    TFX_APPEND(g->values, g->n_values, g->cap_values)->dtype = TFX_F32;
}

void tfx_graph_finish(tfx_graph *g)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        free(g->nodes[i].in);
    free(g->nodes);
    free(g->values);
    free(g->state_values);
    *g = (tfx_graph){0};
}

void tfx_made_values_finish(tfx_made_values *m)
{
    for (uint32_t i = 0; i < m->n; i++)
        free(m->items[i].by);
    free(m->items);
    *m = (tfx_made_values){0};
}

tfx_value tfx_graph_fail(tfx_graph *g, const char *fmt, ...)
{
    if (g->err->status == TFX_OK) {
        const tfx_call *c = tfx_call_current();
        va_list ap;
        va_start(ap, fmt);
        if (c && c->misuse) /* what the plugin has done before is the cause: an option that does not exist reads as 0 */
            tfx_fail(g->err, TFX_E_INVALID, "%s", c->first.text);
        else
            tfx_vfail(g->err, TFX_E_INVALID, fmt, ap);
        va_end(ap);
        if (g->path)
            tfx_error_prefix(g->err, "%s", g->path);
    }
    return TFX_POISON;
}

uint64_t tfx_value_elements(const tfx_graph *g, tfx_value v)
{
    return tfx_shape_elements(g->values[v].n_dims, g->values[v].dims);
}

tfx_value tfx_value_base(const tfx_graph *g, tfx_value v)
{
    while (g->nodes[g->values[v].node].op == TFX_OP_RESHAPE)
        v = g->nodes[g->values[v].node].in[0];
    return v;
}
