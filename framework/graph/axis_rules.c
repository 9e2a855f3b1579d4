/* Axis rules, one per op of a forward pass: which dimensions of its operands and results are the same.
 * The rows of ops.c name them; axis_walk.h says what becomes of the statements. */
#include "framework/graph/axis_walk.h"
#include "framework/graph/ops.h"

static uint32_t rank_of(const tfx_axis_walk *w, tfx_value x)
{
    return w->g->values[x].n_dims;
}

/* Aligned from the right, as in broadcasting: what is stretched is not the same. */
static void align(tfx_axis_walk *w, tfx_value x, tfx_value y)
{
    uint32_t n = rank_of(w, x), more = rank_of(w, y) - n;
    for (uint32_t i = 0; i < n; i++)
        if (w->g->values[x].dims[i] == w->g->values[y].dims[i + more])
            tfx_axis_link(w, x, i, y, i + more);
}

/* The result is like the first operand; others are no tensors of its shape. */
void tfx_axes_like_first(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_axis_bends(w, (n->op == TFX_OP_UNARY && n->ints[0] != TFX_NEG) || (n->op == TFX_OP_AFFINE && n->reals[1] != 0));
    align(w, n->in[0], n->out);
}

/* Whether the value is one and the same all along dimension i. */
static int is_even(const tfx_axis_walk *w, tfx_value v, uint32_t i)
{
    const tfx_graph_node *n = &w->g->nodes[w->g->values[v].node];
    if (n->op != TFX_OP_BROADCAST)
        return n->op == TFX_OP_CONST;
    uint32_t more = rank_of(w, v) - rank_of(w, n->in[0]);
    return i < more || w->g->values[n->in[0]].dims[i - more] != w->g->values[v].dims[i];
}

/* A product is proportional to either factor; but who scales both has scaled it twice. Of a weight and what it is
 * multiplied with, the weight is the one that goes into the norm. */
static int bends_product(const tfx_axis_walk *w, const tfx_graph_node *n, uint32_t k, uint32_t i)
{
    tfx_value x = n->in[k], other = n->in[!k];
    if (x == other)
        return 1;
    return !is_even(w, other, i) && (w->values[other].weights ? !w->values[x].weights || k == 1 : 0);
}

void tfx_axes_pointwise(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_axis_gain(w, n->op == TFX_OP_MUL);
    int bends = n->op == TFX_OP_MAX || n->op == TFX_OP_MIN || n->op == TFX_OP_COMPARE;
    for (uint32_t k = 0; k < n->n_in; k++)
        for (uint32_t i = 0; i < rank_of(w, n->out); i++) {
            tfx_axis_bends(w,
                           n->op == TFX_OP_MUL ? bends_product(w, n, k, i) : bends || (n->op == TFX_OP_DIV && k == 1));
            tfx_axis_link(w, n->in[k], i, n->out, i);
        }
}

void tfx_axes_reshape(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_axis_regroup(w, n->in[0], n->out);
}

void tfx_axes_permute(tfx_axis_walk *w, const tfx_graph_node *n)
{
    for (uint32_t i = 0; i < rank_of(w, n->out); i++)
        tfx_axis_link(w, n->in[0], (uint32_t)n->ints[i], n->out, i);
}

/* Slice, pad and concat: all but one axis stay as they are. */
static void all_but(tfx_axis_walk *w, const tfx_graph_node *n, const char *why)
{
    uint32_t axis = (uint32_t)n->ints[0];
    for (uint32_t k = 0; k < n->n_in; k++)
        for (uint32_t i = 0; i < rank_of(w, n->out); i++)
            if (i != axis)
                tfx_axis_link(w, n->in[k], i, n->out, i);
            else if (w->g->values[n->in[k]].dims[i] == w->g->values[n->out].dims[i])
                tfx_axis_link(w, n->in[k], i, n->out, i);
            else
                tfx_axis_partly(w, n->in[k], i, n->out, i, why);
}

void tfx_axes_slice(tfx_axis_walk *w, const tfx_graph_node *n)
{
    all_but(w, n, "a slice takes a part of it");
}

void tfx_axes_pad(tfx_axis_walk *w, const tfx_graph_node *n)
{
    all_but(w, n, "it is padded to a fixed size");
}

void tfx_axes_concat(tfx_axis_walk *w, const tfx_graph_node *n)
{
    all_but(w, n, "it is a part of a concatenation");
}

void tfx_axes_sum(tfx_axis_walk *w, const tfx_graph_node *n)
{
    uint32_t rank = rank_of(w, n->in[0]), kept = rank_of(w, n->out) == rank;
    for (uint32_t i = 0, k = 0; i < rank; i++) {
        int summed = n->ints[0] >> i & 1;
        if (summed)
            tfx_axis_consume(w, n->in[0], i);
        else
            tfx_axis_link(w, n->in[0], i, n->out, k);
        k += kept || !summed;
    }
}

void tfx_axes_matmul(tfx_axis_walk *w, const tfx_graph_node *n)
{
    uint32_t ta = (n->ints[0] & TFX_TRANS_A) != 0, tb = (n->ints[0] & TFX_TRANS_B) != 0;
    uint32_t ra = rank_of(w, n->in[0]), rb = rank_of(w, n->in[1]), inner_a = ra - 1 - ta, inner_b = rb - 2 + tb;
    tfx_axis_link_all(w, n->in[0], 0, n->out, 0, ra - 2); /* batches, or rows */
    if (rb == ra)
        tfx_axis_link_all(w, n->in[1], 0, n->out, 0, rb - 2);
    tfx_axis_link(w, n->in[0], ra - 2 + ta, n->out, ra - 2);
    tfx_axis_link(w, n->in[1], rb - 1 - tb, n->out, ra - 1);
    tfx_axis_tie(w, n->in[0], inner_a, n->in[1], inner_b);
    tfx_axis_consume(w, n->in[0], inner_a);
    tfx_axis_consume(w, n->in[1], inner_b);
    if (n->n_in > 2)
        align(w, n->in[2], n->out);
}

/* ---- networks ---- */

void tfx_axes_softmax(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_axis_bends(w, 1);
    align(w, n->in[0], n->out);
    tfx_axis_mark(w, n->out, rank_of(w, n->out) - 1, TFX_AXIS_SOFTMAX, NULL);
}

void tfx_axes_topk(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_axis_bends(w, 1);
    align(w, n->in[0], n->out);
}

void tfx_axes_norm(tfx_axis_walk *w, const tfx_graph_node *n)
{
    static const uint32_t marks[] = {
        [TFX_NORM_LAYER] = TFX_AXIS_LAYER_NORM, [TFX_NORM_RMS] = TFX_AXIS_RMS_NORM, [TFX_NORM_L2] = TFX_AXIS_L2_NORM};
    uint32_t last = rank_of(w, n->out) - 1;
    tfx_axis_bends(w, 1);
    align(w, n->in[0], n->out);
    tfx_axis_normalise(w, n->in[0], last);
    tfx_axis_mark(w, n->out, last, marks[n->ints[0]], NULL);
}

void tfx_axes_rope(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_axis_bends(w, 1);
    align(w, n->in[0], n->out);
    tfx_axis_mark(w, n->out, 3, TFX_AXIS_ROTATED, NULL);
}

/* [batch, time, heads, head_dim]: queries and keys meet along head_dim, values are summed along time. */
void tfx_axes_attention(tfx_axis_walk *w, const tfx_graph_node *n)
{
    tfx_value q = n->in[0], k = n->in[1], v = n->in[2], o = n->out, lse = n->out + 1;
    int grouped = w->g->values[k].dims[2] != w->g->values[q].dims[2];
    if (grouped)
        for (uint32_t i = 1; i < 3; i++)
            tfx_axis_mark(w, n->in[i], 2, 0, "groups of queries share a head");
    else
        tfx_axis_link(w, v, 2, o, 2);
    tfx_axis_link(w, v, 3, o, 3);
    tfx_axis_bends(w, 1);
    tfx_axis_link_all(w, q, 0, o, 0, 3);
    tfx_axis_tie(w, q, 3, k, 3);
    tfx_axis_tie(w, k, 3, v, 3); /* the op wants them of one size */
    tfx_axis_consume(w, q, 3);
    tfx_axis_consume(w, k, 3);
    for (uint32_t i = 0; i < 2; i++) {
        tfx_value kv = n->in[1 + i];
        tfx_axis_link(w, kv, 0, o, 0);
        tfx_axis_tie(w, kv, 1, q, 1);
        tfx_axis_consume(w, kv, 1);
    }
    if (!grouped)
        tfx_axis_link(w, k, 2, o, 2);
    static const uint32_t of_lse[] = {0, 2, 1};
    for (uint32_t i = 0; i < 3; i++)
        tfx_axis_link(w, q, of_lse[i], lse, i);
}

void tfx_axes_gather(tfx_axis_walk *w, const tfx_graph_node *n)
{
    uint32_t rank = rank_of(w, n->in[1]);
    tfx_axis_consume(w, n->in[0], 0);
    tfx_axis_index(w, n->in[1], n->in[0], 0);
    tfx_axis_link(w, n->in[0], 1, n->out, rank);
    tfx_axis_link_all(w, n->in[1], 0, n->out, 0, rank);
}

void tfx_axes_cross_entropy(tfx_axis_walk *w, const tfx_graph_node *n)
{
    uint32_t rank = rank_of(w, n->in[1]);
    for (uint32_t r = 0; r < 2; r++) {
        tfx_axis_link_all(w, n->in[0], 0, n->out + r, 0, rank);
        tfx_axis_link_all(w, n->in[1], 0, n->out + r, 0, rank);
    }
    tfx_axis_consume(w, n->in[0], rank);
    tfx_axis_mark(w, n->in[0], rank, TFX_AXIS_SOFTMAX, NULL);
    tfx_axis_index(w, n->in[1], n->in[0], rank);
}
