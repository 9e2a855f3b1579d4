/* Vector-Jacobian products, one function per op; the rows of ops.c name them. Tests check each
 * against finite differences. */

#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/builder.h"
#include "framework/graph/emit.h"
#include "framework/plugin/calls/op_calls.h"

static tfx_value mul(tfx_graph *g, tfx_value x, tfx_value y)
{
    return tfx_emit_binary(g, TFX_OP_MUL, x, y);
}

static tfx_value neg(tfx_graph *g, tfx_value x)
{
    return tfx_emit_affine(g, x, -1.0, 0.0);
}

/* ---- pointwise ---- */

void tfx_vjp_add(tfx_graph *g, const tfx_vjp_args *v)
{
    (void)g;
    v->din[0] = v->dout[0];
    v->din[1] = v->dout[0];
}

void tfx_vjp_sub(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = v->dout[0];
    v->din[1] = v->needs[1] ? neg(g, v->dout[0]) : TFX_POISON;
}

void tfx_vjp_mul(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = v->needs[0] ? mul(g, v->dout[0], v->in[1]) : TFX_POISON;
    v->din[1] = v->needs[1] ? mul(g, v->dout[0], v->in[0]) : TFX_POISON;
}

/* d(x/y) = dy/y - dy * out/y */
void tfx_vjp_div(tfx_graph *g, const tfx_vjp_args *v)
{
    tfx_value q = tfx_emit_binary(g, TFX_OP_DIV, v->dout[0], v->in[1]);
    v->din[0] = q;
    v->din[1] = v->needs[1] ? neg(g, mul(g, q, v->out[0])) : TFX_POISON;
}

/* MAX and MIN: what was chosen has the gradient, and of equal ones each has half. */
void tfx_vjp_max(tfx_graph *g, const tfx_vjp_args *v)
{
    int is_max = v->node->op == TFX_OP_MAX;
    tfx_value strictly = tfx_emit_compare(g, is_max ? TFX_GREATER : TFX_LESS, v->in[0], v->in[1]);
    tfx_value at_least = tfx_emit_compare(g, is_max ? TFX_GREATER_EQUAL : TFX_LESS_EQUAL, v->in[0], v->in[1]);
    tfx_value share = tfx_emit_affine(g, tfx_emit_binary(g, TFX_OP_ADD, strictly, at_least), 0.5, 0.0);
    v->din[0] = mul(g, v->dout[0], share);
    v->din[1] = v->needs[1] ? mul(g, v->dout[0], tfx_emit_affine(g, share, -1.0, 1.0)) : TFX_POISON;
}

void tfx_vjp_affine(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_emit_affine(g, v->dout[0], v->node->reals[0], 0.0);
}

void tfx_vjp_unary(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_emit_unary_grad(g, (tfx_unary)v->node->ints[0], v->in[0], v->dout[0]);
}

void tfx_vjp_cast(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_emit_cast(g, v->dout[0], g->values[v->in[0]].dtype);
}

/* The same mask, from the same key. */
void tfx_vjp_dropout(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_emit_dropout(g, v->dout[0], v->in[1], v->node->reals[0], v->node->ints[0]);
}

/* Sums over what was stretched. */
void tfx_vjp_broadcast(tfx_graph *g, const tfx_vjp_args *v)
{
    tfx_graph_value to = g->values[v->in[0]], from = g->values[v->dout[0]];
    uint32_t mask = 0, lead = from.n_dims - to.n_dims;
    for (uint32_t i = 0; i < from.n_dims; i++)
        if (i < lead || (to.dims[i - lead] == 1 && from.dims[i] != 1))
            mask |= 1u << i;
    v->din[0] = tfx_emit_reshape(g, tfx_emit_sum(g, v->dout[0], mask, 1), to.n_dims, to.dims);
}

/* ---- movement ---- */

void tfx_vjp_reshape(tfx_graph *g, const tfx_vjp_args *v)
{
    tfx_graph_value x = g->values[v->in[0]];
    v->din[0] = tfx_emit_reshape(g, v->dout[0], x.n_dims, x.dims);
}

void tfx_vjp_permute(tfx_graph *g, const tfx_vjp_args *v)
{
    int inverse[TFX_MAX_DIMS];
    for (uint32_t i = 0; i < g->values[v->in[0]].n_dims; i++)
        inverse[v->node->ints[i]] = (int)i;
    v->din[0] = tfx_emit_permute(g, v->dout[0], inverse);
}

void tfx_vjp_slice(tfx_graph *g, const tfx_vjp_args *v)
{
    int64_t axis = v->node->ints[0];
    v->din[0] = tfx_emit_pad(g, v->dout[0], (int)axis, v->node->ints[1], g->values[v->in[0]].dims[axis]);
}

void tfx_vjp_pad(tfx_graph *g, const tfx_vjp_args *v)
{
    int64_t axis = v->node->ints[0];
    v->din[0] = tfx_emit_slice(g, v->dout[0], (int)axis, v->node->ints[1], g->values[v->in[0]].dims[axis]);
}

void tfx_vjp_concat(tfx_graph *g, const tfx_vjp_args *v)
{
    int64_t start = 0, axis = v->node->ints[0];
    for (uint32_t i = 0; i < v->node->n_in; i++) {
        int64_t length = g->values[v->in[i]].dims[axis];
        if (v->needs[i])
            v->din[i] = tfx_emit_slice(g, v->dout[0], (int)axis, start, length);
        start += length;
    }
}

/* ---- reductions and matrices ---- */

void tfx_vjp_sum(tfx_graph *g, const tfx_vjp_args *v)
{
    tfx_graph_value x = g->values[v->in[0]];
    int64_t kept[TFX_MAX_DIMS];
    for (uint32_t i = 0; i < x.n_dims; i++)
        kept[i] = v->node->ints[0] >> i & 1 ? 1 : x.dims[i];
    v->din[0] = tfx_emit_broadcast(g, tfx_emit_reshape(g, v->dout[0], x.n_dims, kept), x.n_dims, x.dims);
}

/* y = alpha * op(a) op(b) [+ c]. The four cases of transposition; each product is again
 * one matmul and may be added to the gradient so far. */
void tfx_vjp_matmul(tfx_graph *g, const tfx_vjp_args *v)
{
    uint32_t flags = (uint32_t)v->node->ints[0];
    int ta = (flags & TFX_TRANS_A) != 0, tb = (flags & TFX_TRANS_B) != 0;
    double alpha = v->node->reals[0];
    tfx_value a = v->in[0], b = v->in[1], dy = v->dout[0];
    if (v->needs[0]) {
        tfx_value c = v->sofar[0];
        if (!ta) /* da = dy op(b)^T */
            v->din[0] = tfx_emit_matmul(g, dy, b, tb ? 0 : TFX_TRANS_B, alpha, c);
        else /* da = op(b) dy^T */
            v->din[0] = tfx_emit_matmul(g, b, dy, (tb ? TFX_TRANS_A : 0) | TFX_TRANS_B, alpha, c);
        v->absorbed[0] = c != TFX_POISON;
    }
    if (v->needs[1]) {
        tfx_value c = a == b && v->needs[0] ? TFX_POISON : v->sofar[1]; /* a^T a: both at once */
        if (!tb)                                                        /* db = op(a)^T dy */
            v->din[1] = tfx_emit_matmul(g, a, dy, ta ? 0 : TFX_TRANS_A, alpha, c);
        else /* db = dy^T op(a) */
            v->din[1] = tfx_emit_matmul(g, dy, a, TFX_TRANS_A | (ta ? TFX_TRANS_B : 0), alpha, c);
        v->absorbed[1] = c != TFX_POISON;
    }
    if (v->node->n_in > 2 && v->needs[2])
        v->din[2] = dy;
}

/* ---- networks ---- */

void tfx_vjp_softmax(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_graph_emit(g, &(tfx_emission){.op = TFX_OP_SOFTMAX_GRAD, TFX_IN(v->out[0], v->dout[0])});
}

void tfx_vjp_norm(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_emit_norm_grad(g, (tfx_norm)v->node->ints[0], v->in[0], v->dout[0], v->node->reals[0]);
}

void tfx_vjp_rope(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_emit_rope(g, v->dout[0], v->node->ints[0], -(int)v->node->ints[1], v->node->reals[0]);
}

void tfx_vjp_attention(tfx_graph *g, const tfx_vjp_args *v)
{
    const tfx_value *in = v->in;
    tfx_emission e = {.op = TFX_OP_ATTENTION_GRAD, TFX_IN(in[0], in[1], in[2], v->out[0], v->out[1], v->dout[0])};
    memcpy(e.ints, v->node->ints, sizeof(e.ints));
    memcpy(e.reals, v->node->reals, sizeof(e.reals));
    tfx_value first = tfx_graph_emit(g, &e);
    for (uint32_t i = 0; first && i < 3; i++)
        v->din[i] = first + i;
}

void tfx_vjp_gather(tfx_graph *g, const tfx_vjp_args *v)
{
    if (!v->needs[0])
        return;
    tfx_emission e = {
        .op = TFX_OP_GATHER_GRAD, TFX_IN(v->in[1], v->dout[0], v->sofar[0]), .out = {tfx_graph_like(g, v->in[0])}};
    e.n_in = v->sofar[0] ? 3 : 2;
    v->din[0] = tfx_graph_emit(g, &e);
    v->absorbed[0] = v->sofar[0] != TFX_POISON;
}

void tfx_vjp_cross_entropy(tfx_graph *g, const tfx_vjp_args *v)
{
    v->din[0] = tfx_graph_emit(
        g, &(tfx_emission){.op = TFX_OP_CROSS_ENTROPY_GRAD, TFX_IN(v->in[0], v->in[1], v->out[1], v->dout[0])});
}

void tfx_vjp_custom(tfx_graph *g, const tfx_vjp_args *v)
{
    tfx_builder b;
    tfx_builder_for_graph(&b, g);
    const tfx_graph_node *n = v->node;
    const char *path = g->path;
    char *who = tfx_printf("custom op %s: its gradient", n->custom->id);
    g->path = who; /* of what the builder has to say */
    tfx_call_op_vjp(n->custom, &b, n->n_in, v->in, v->out, v->dout, n->ints, n->reals, v->din);
    g->path = path;
    free(who);
}
