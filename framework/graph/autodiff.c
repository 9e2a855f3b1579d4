/* Reverse-mode differentiation over the node list, last node first. */
#include "framework/graph/autodiff.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/emit.h"
#include "framework/plugin/calls/op_calls.h"

typedef struct backward {
    tfx_graph *g;
    uint32_t n_nodes; /* of the forward pass */
    uint32_t n_values;
    tfx_value *grad;  /* per forward value: its gradient so far */
    tfx_value *clone; /* per forward value: its recomputed copy, in the current region */
    uint32_t region;  /* the region the backward pass is in */
} backward;

/* Adds `d` to the gradient of v. */
static void accumulate(backward *s, tfx_value v, tfx_value d, int absorbed)
{
    if (!d)
        return;
    tfx_value have = s->grad[v];
    if (!have || absorbed) {
        s->grad[v] = d;
        return;
    }
    /* Gradients have the dtype of their value; sums are f32. */
    tfx_value sum = tfx_emit_binary(s->g, TFX_OP_ADD, tfx_emit_cast(s->g, have, TFX_F32),
                                    tfx_emit_cast(s->g, d, TFX_F32));
    s->grad[v] = tfx_emit_cast(s->g, sum, s->g->values[d].dtype);
}

/* The value that the backward pass reads in place of the forward value v. */
static tfx_value saved(const backward *s, tfx_value v)
{
    return s->region && s->clone[v] ? s->clone[v] : v;
}

/* Emits the forward nodes of the region once more. */
static void recompute(backward *s)
{
    tfx_graph *g = s->g;
    g->recomputed = TFX_RECOMPUTED_REGION;
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        tfx_graph_node node = g->nodes[i];
        if (node.region != s->region)
            continue;
        g->site = node.site;
        tfx_value *in = TFX_NEW_ARRAY(tfx_value, node.n_in);
        for (uint32_t k = 0; k < node.n_in; k++)
            in[k] = saved(s, node.in[k]);
        tfx_emission again = {.op = node.op,
                              .n_in = node.n_in,
                              .in = in,
                              .custom = node.custom,
                              .n_out = node.n_out,
                              .flops = node.flops,
                              .scratch = node.scratch};
        memcpy(again.ints, node.ints, sizeof(again.ints));
        memcpy(again.reals, node.reals, sizeof(again.reals));
        for (uint32_t k = 0; k < node.n_out; k++)
            again.out[k] = tfx_graph_like(g, node.out + k);
        tfx_value out = tfx_graph_append(g, &again);
        for (uint32_t k = 0; k < node.n_out; k++)
            s->clone[node.out + k] = out + k;
        free(in);
    }
    g->recomputed = 0;
}

static void backward_node(backward *s, uint32_t index)
{
    tfx_graph *g = s->g;
    tfx_graph_node node = g->nodes[index];
    tfx_value dout[TFX_MAX_RESULTS] = {0}, out[TFX_MAX_RESULTS] = {0};
    int any = 0, auxiliary = 0, all = node.op == TFX_OP_CUSTOM; /* whose vjp has the gradients of all results */
    for (uint32_t k = 0; k < node.n_out; k++) {
        dout[k] = s->grad[node.out + k];
        auxiliary |= !all && k > 0 && dout[k];
        any |= dout[k] != TFX_POISON;
    }
    if (!any || node.n_in == 0)
        return;
    if (auxiliary && !dout[0]) { /* no op passes gradients through one */
        tfx_graph_fail(g, "%s: the gradient of an auxiliary result is not defined", tfx_op_name(node.op));
        return;
    }
    if (node.region != s->region) {
        s->region = node.region;
        memset(s->clone, 0, sizeof(*s->clone) * s->n_values);
        if (node.region)
            recompute(s);
    }
    g->site = node.site; /* the adjoint is the work of the same layer */
    uint32_t n = node.n_in;
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, 3 * n), *din = in + n, *sofar = din + n;
    int *needs = TFX_NEW_ARRAY(int, 2 * n), *absorbed = needs + n;
    for (uint32_t k = 0; k < n; k++) {
        in[k] = saved(s, node.in[k]);
        needs[k] = g->values[node.in[k]].requires_grad;
        sofar[k] = s->grad[node.in[k]];
    }
    for (uint32_t k = 0; k < node.n_out; k++)
        out[k] = saved(s, node.out + k);
    tfx_vjp_args args = {&node, in, out, dout, needs, din, sofar, absorbed};
    tfx_vjp_rule *derive = tfx_op_info_of(node.op)->vjp;
    if (!derive || auxiliary || (node.custom && !tfx_op_has_vjp(node.custom)))
        tfx_graph_fail(g, "%s has no derivative, but a trained parameter is below it",
                       node.op == TFX_OP_CUSTOM ? node.custom->id : tfx_op_name(node.op));
    else
        derive(g, &args);
    for (uint32_t k = 0; k < n; k++)
        if (needs[k])
            accumulate(s, node.in[k], din[k], absorbed[k]);
    free(in);
    free(needs);
}

void tfx_autodiff(tfx_graph *g, tfx_value loss, double seed, const tfx_value *wrt, uint32_t n, tfx_value *grads)
{
    if (!loss || g->err->status != TFX_OK)
        return;
    uint32_t region = g->region, site = g->site;
    g->region = 0; /* the backward pass itself belongs to no region */
    g->backward = 1;
    backward s = {.g = g, .n_nodes = g->n_nodes, .n_values = g->n_values};
    s.grad = TFX_NEW_ARRAY(tfx_value, s.n_values);
    s.clone = TFX_NEW_ARRAY(tfx_value, s.n_values);
    for (uint32_t i = 0; i < n; i++)
        s.grad[wrt[i]] = grads[i];
    tfx_graph_value l = g->values[loss];
    s.grad[loss] = tfx_emit_constant(g, seed, l.n_dims, l.dims);
    for (uint32_t i = s.n_nodes; i-- > 0 && g->err->status == TFX_OK;)
        if (g->nodes[i].n_out && g->values[g->nodes[i].out].requires_grad)
            backward_node(&s, i);
    for (uint32_t i = 0; i < n; i++)
        grads[i] = s.grad[wrt[i]];
    g->region = region;
    g->site = site;
    g->backward = 0;
    free(s.grad);
    free(s.clone);
}
