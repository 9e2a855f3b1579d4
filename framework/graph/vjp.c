/* Vector-Jacobian products, one case per op. Every op of the set is here or is listed as
 * having no derivative; tests check each against finite differences. */
#include <string.h>

#include "framework/graph/autodiff.h"
#include "framework/graph/builder.h"
#include "framework/plugin/calls/op_calls.h"

static tfx_value mul(tfx_graph *g, tfx_value x, tfx_value y)
{
    return tfx_emit_binary(g, TFX_OP_MUL, x, y);
}

static tfx_value neg(tfx_graph *g, tfx_value x)
{
    return tfx_emit_affine(g, x, -1.0, 0.0);
}

/* Adjoint of broadcasting `x` to the shape of dy: sums over what was stretched. */
static tfx_value unbroadcast(tfx_graph *g, tfx_value x, tfx_value dy)
{
    tfx_graph_value to = g->values[x], from = g->values[dy];
    uint32_t mask = 0, lead = from.n_dims - to.n_dims;
    for (uint32_t i = 0; i < from.n_dims; i++)
        if (i < lead || (to.dims[i - lead] == 1 && from.dims[i] != 1))
            mask |= 1u << i;
    tfx_value s = tfx_emit_sum(g, dy, mask, 1);
    return tfx_emit_reshape(g, s, to.n_dims, to.dims);
}

/* y = alpha * op(a) op(b) [+ c]. The four cases of transposition; each product is again
 * one matmul and may be added to the gradient so far. */
static void vjp_matmul(tfx_graph *g, const tfx_vjp_args *v)
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
        if (!tb) /* db = op(a)^T dy */
            v->din[1] = tfx_emit_matmul(g, a, dy, ta ? 0 : TFX_TRANS_A, alpha, c);
        else /* db = dy^T op(a) */
            v->din[1] = tfx_emit_matmul(g, dy, a, TFX_TRANS_A | (ta ? TFX_TRANS_B : 0), alpha, c);
        v->absorbed[1] = c != TFX_POISON;
    }
    if (v->node->n_in > 2 && v->needs[2])
        v->din[2] = dy;
}

static void vjp_custom(tfx_graph *g, const tfx_vjp_args *v)
{
    tfx_builder b;
    tfx_builder_for_graph(&b, g);
    const tfx_graph_node *n = v->node;
    tfx_call_op_vjp(n->custom, &b, n->n_in, v->in, v->out[0], v->dout[0], n->ints, n->reals, v->din);
}

int tfx_vjp(tfx_graph *g, const tfx_vjp_args *v)
{
    const tfx_graph_node *n = v->node;
    const tfx_value *in = v->in, dy = v->dout[0];
    tfx_value *din = v->din;
    if (n->op == TFX_OP_ATTENTION || n->op == TFX_OP_CROSS_ENTROPY) {
        if (v->dout[1])
            return 0; /* the log-sum-exp is an auxiliary result */
    }
    switch (n->op) {
    case TFX_OP_ADD:
        din[0] = dy;
        din[1] = dy;
        break;
    case TFX_OP_SUB:
        din[0] = dy;
        din[1] = v->needs[1] ? neg(g, dy) : TFX_POISON;
        break;
    case TFX_OP_MUL:
        din[0] = v->needs[0] ? mul(g, dy, in[1]) : TFX_POISON;
        din[1] = v->needs[1] ? mul(g, dy, in[0]) : TFX_POISON;
        break;
    case TFX_OP_DIV: { /* d(x/y) = dy/y - dy * out/y */
        tfx_value q = tfx_emit_binary(g, TFX_OP_DIV, dy, in[1]);
        din[0] = q;
        din[1] = v->needs[1] ? neg(g, mul(g, q, v->out[0])) : TFX_POISON;
        break;
    }
    case TFX_OP_AFFINE:
        din[0] = tfx_emit_affine(g, dy, n->reals[0], 0.0);
        break;
    case TFX_OP_UNARY:
        din[0] = tfx_emit_unary_grad(g, (tfx_unary)n->ints[0], in[0], dy);
        break;
    case TFX_OP_CAST:
        din[0] = tfx_emit_cast(g, dy, g->values[in[0]].dtype);
        break;
    case TFX_OP_DROPOUT:
        din[0] = tfx_emit_dropout(g, dy, in[1], n->reals[0], n->ints[0]);
        break;
    case TFX_OP_BROADCAST:
        din[0] = unbroadcast(g, in[0], dy);
        break;
    case TFX_OP_RESHAPE: {
        tfx_graph_value x = g->values[in[0]];
        din[0] = tfx_emit_reshape(g, dy, x.n_dims, x.dims);
        break;
    }
    case TFX_OP_PERMUTE: {
        int inverse[TFX_MAX_DIMS];
        for (uint32_t i = 0; i < g->values[in[0]].n_dims; i++)
            inverse[n->ints[i]] = (int)i;
        din[0] = tfx_emit_permute(g, dy, inverse);
        break;
    }
    case TFX_OP_SLICE:
        din[0] = tfx_emit_pad(g, dy, (int)n->ints[0], n->ints[1], g->values[in[0]].dims[n->ints[0]]);
        break;
    case TFX_OP_PAD:
        din[0] = tfx_emit_slice(g, dy, (int)n->ints[0], n->ints[1], g->values[in[0]].dims[n->ints[0]]);
        break;
    case TFX_OP_CONCAT: {
        int64_t start = 0;
        for (uint32_t i = 0; i < n->n_in; i++) {
            int64_t length = g->values[in[i]].dims[n->ints[0]];
            if (v->needs[i])
                din[i] = tfx_emit_slice(g, dy, (int)n->ints[0], start, length);
            start += length;
        }
        break;
    }
    case TFX_OP_SUM: {
        tfx_graph_value x = g->values[in[0]];
        int64_t kept[TFX_MAX_DIMS];
        for (uint32_t i = 0; i < x.n_dims; i++)
            kept[i] = n->ints[0] >> i & 1 ? 1 : x.dims[i];
        din[0] = tfx_emit_broadcast(g, tfx_emit_reshape(g, dy, x.n_dims, kept), x.n_dims, x.dims);
        break;
    }
    case TFX_OP_MATMUL:
        vjp_matmul(g, v);
        break;
    case TFX_OP_SOFTMAX:
        din[0] = tfx_emit_like(g, TFX_OP_SOFTMAX_GRAD, 2, (tfx_value[]){v->out[0], dy}, NULL, NULL, 1, in);
        break;
    case TFX_OP_NORM:
        din[0] = tfx_emit_like(g, TFX_OP_NORM_GRAD, 2, (tfx_value[]){in[0], dy}, n->ints, n->reals, 1, in);
        break;
    case TFX_OP_ROPE:
        din[0] = tfx_emit_rope(g, dy, n->ints[0], -(int)n->ints[1], n->reals[0]);
        break;
    case TFX_OP_ATTENTION: {
        tfx_value first = tfx_emit_like(g, TFX_OP_ATTENTION_GRAD, 6,
                                        (tfx_value[]){in[0], in[1], in[2], v->out[0], v->out[1], dy}, NULL,
                                        n->reals, 3, in);
        for (uint32_t i = 0; first && i < 3; i++)
            din[i] = first + i;
        break;
    }
    case TFX_OP_GATHER:
        if (v->needs[0]) {
            tfx_value operands[3] = {in[1], dy, v->sofar[0]};
            din[0] = tfx_emit_like(g, TFX_OP_GATHER_GRAD, v->sofar[0] ? 3 : 2, operands, NULL, NULL, 1, in);
            v->absorbed[0] = v->sofar[0] != TFX_POISON;
        }
        break;
    case TFX_OP_CROSS_ENTROPY:
        din[0] = tfx_emit_like(g, TFX_OP_CROSS_ENTROPY_GRAD, 4, (tfx_value[]){in[0], in[1], v->out[1], dy}, NULL,
                               NULL, 1, in);
        break;
    case TFX_OP_CUSTOM:
        if (!n->custom->vjp)
            return 0;
        vjp_custom(g, v);
        break;
    /* Sources have nothing to pass on; the adjoint ops have no second derivative. */
    case TFX_OP_INPUT:
    case TFX_OP_PARAM:
    case TFX_OP_CONST:
        break;
    case TFX_OP_STORE:
    case TFX_OP_UNARY_GRAD:
    case TFX_OP_SOFTMAX_GRAD:
    case TFX_OP_NORM_GRAD:
    case TFX_OP_ATTENTION_GRAD:
    case TFX_OP_GATHER_GRAD:
    case TFX_OP_CROSS_ENTROPY_GRAD:
        return 0;
    }
    return 1;
}
