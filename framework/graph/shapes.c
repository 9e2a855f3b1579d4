/* Shape rules, one per op: what operands and attributes must be, and what dtype and shape the
 * results have. The rows of ops.c name them; that operands exist and have the dtype that the
 * row asks for is checked before. */
#include <inttypes.h>
#include <string.h>

#include "framework/base/text.h"
#include "framework/graph/emit.h"
#include "framework/plugin/calls/op_calls.h"

static const tfx_graph_value *operand(const tfx_graph *g, const tfx_emission *e, uint32_t k)
{
    return &g->values[e->in[k]];
}

static const char *operand_text(const tfx_graph *g, const tfx_emission *e, uint32_t k)
{
    return tfx_graph_shape_text(g, e->in[k]);
}

static int out_like(const tfx_graph *g, tfx_emission *e, uint32_t result, uint32_t k)
{
    e->out[result] = tfx_graph_like(g, e->in[k]);
    return 1;
}

int tfx_shape_like_first(tfx_graph *g, tfx_emission *e)
{
    return out_like(g, e, 0, 0);
}

/* As all operands, which have one shape. */
static int like_all(tfx_graph *g, tfx_emission *e)
{
    for (uint32_t k = 1; k < e->n_in; k++)
        if (!tfx_graph_same_shape(g, e->in[0], e->in[k]))
            return tfx_graph_fail(g, "%s: shapes %s and %s differ", tfx_op_name(e->op), operand_text(g, e, 0),
                                  operand_text(g, e, k));
    return out_like(g, e, 0, 0);
}

int tfx_shape_store(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *value = operand(g, e, 0), *place = operand(g, e, 1);
    if (!tfx_graph_same_shape(g, e->in[0], e->in[1]) || value->dtype != place->dtype)
        return tfx_graph_fail(g, "store: value is %s %s, its place is %s %s", tfx_dtype_name(value->dtype),
                              operand_text(g, e, 0), tfx_dtype_name(place->dtype), operand_text(g, e, 1));
    return 1;
}

/* ---- pointwise ---- */

int tfx_shape_unary(tfx_graph *g, tfx_emission *e)
{
    if (e->ints[0] < TFX_NEG || e->ints[0] > TFX_SIGN)
        return tfx_graph_fail(g, "unary: no function has the number %" PRId64, e->ints[0]);
    return out_like(g, e, 0, 0);
}

int tfx_shape_unary_grad(tfx_graph *g, tfx_emission *e)
{
    if (e->ints[0] < TFX_NEG || e->ints[0] > TFX_GELU_TANH)
        return tfx_graph_fail(g, "unary_grad: no function with a derivative has the number %" PRId64, e->ints[0]);
    return like_all(g, e);
}

int tfx_shape_compare(tfx_graph *g, tfx_emission *e)
{
    if (e->ints[0] < TFX_LESS || e->ints[0] > TFX_GREATER)
        return tfx_graph_fail(g, "compare: no comparison has the number %" PRId64, e->ints[0]);
    return out_like(g, e, 0, 0);
}

int tfx_shape_cast(tfx_graph *g, tfx_emission *e)
{
    tfx_dtype to = e->out[0].dtype;
    if (operand(g, e, 0)->dtype == TFX_I32 || to == TFX_I32)
        return tfx_graph_fail(g, "cast: only f32 and bf16 convert into each other");
    out_like(g, e, 0, 0);
    e->out[0].dtype = to;
    return 1;
}

int tfx_shape_dropout(tfx_graph *g, tfx_emission *e)
{
    if (!(e->reals[0] >= 0 && e->reals[0] < 1))
        return tfx_graph_fail(g, "dropout: probability %g is outside [0, 1)", e->reals[0]);
    return out_like(g, e, 0, 0);
}

int tfx_shape_broadcast(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *from = operand(g, e, 0);
    tfx_graph_value *to = &e->out[0];
    int ok = from->n_dims <= to->n_dims;
    for (uint32_t i = 0; ok && i < from->n_dims; i++) {
        int64_t have = from->dims[from->n_dims - 1 - i];
        ok = have == 1 || have == to->dims[to->n_dims - 1 - i];
    }
    char text[TFX_SHAPE_TEXT];
    if (!ok)
        return tfx_graph_fail(g, "broadcast: %s cannot stretch to %s", operand_text(g, e, 0),
                              tfx_format_shape(text, to->n_dims, to->dims));
    to->dtype = from->dtype;
    return 1;
}

/* ---- movement ---- */

/* One of the dims that were asked for may be -1. */
int tfx_shape_reshape(tfx_graph *g, tfx_emission *e)
{
    tfx_graph_value *to = &e->out[0];
    int64_t known = 1, total = (int64_t)tfx_value_elements(g, e->in[0]);
    int open = -1;
    for (uint32_t i = 0; i < to->n_dims; i++) {
        if (to->dims[i] == -1 && open < 0)
            open = (int)i;
        else if (to->dims[i] < 1)
            return tfx_graph_fail(g, "reshape: dimension %u is %" PRId64, i, to->dims[i]);
        else if (__builtin_mul_overflow(known, to->dims[i], &known))
            known = INT64_MAX; /* fits nothing */
    }
    if (open >= 0 && total % known == 0) {
        to->dims[open] = total / known;
        known = total;
    }
    if (known != total)
        return tfx_graph_fail(g, "reshape: %s has %" PRId64 " elements, the new shape needs %s%" PRId64,
                              operand_text(g, e, 0), total, open >= 0 ? "a multiple of " : "", known);
    to->dtype = operand(g, e, 0)->dtype;
    return 1;
}

int tfx_shape_permute(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *x = operand(g, e, 0);
    uint32_t seen = 0;
    out_like(g, e, 0, 0);
    for (uint32_t i = 0; i < x->n_dims; i++) {
        if (e->ints[i] < 0 || e->ints[i] >= x->n_dims || (seen >> e->ints[i] & 1))
            return tfx_graph_fail(g, "permute: the order given for %s is not a permutation", operand_text(g, e, 0));
        seen |= 1u << e->ints[i];
        e->out[0].dims[i] = x->dims[e->ints[i]];
    }
    return 1;
}

/* Slice and pad: the length along the axis is what out[0].dims[0] asks for. */
int tfx_shape_pad(tfx_graph *g, tfx_emission *e)
{
    int64_t length = e->out[0].dims[0];
    out_like(g, e, 0, 0);
    e->out[0].dims[e->ints[0]] = length;
    return 1;
}

int tfx_shape_slice(tfx_graph *g, tfx_emission *e)
{
    int64_t axis = e->ints[0], start = e->ints[1], length = e->out[0].dims[0];
    if (start < 0 || length < 1 || length > operand(g, e, 0)->dims[axis] - start)
        return tfx_graph_fail(g, "slice: %" PRId64 " + %" PRId64 " is outside axis %" PRId64 " of %s", start, length,
                              axis, operand_text(g, e, 0));
    return tfx_shape_pad(g, e);
}

/* The axis may be negative. */
int tfx_shape_concat(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *first = operand(g, e, 0);
    int64_t total = 0;
    int a = -1;
    for (uint32_t i = 0; i < e->n_in; i++) {
        const tfx_graph_value *v = operand(g, e, i);
        a = tfx_graph_axis(g, e->in[i], (int)e->ints[0]);
        int ok = a >= 0 && v->n_dims == first->n_dims && v->dtype == first->dtype;
        for (uint32_t d = 0; ok && d < v->n_dims; d++)
            ok = (int)d == a || v->dims[d] == first->dims[d];
        if (!ok)
            return tfx_graph_fail(g, "concat along axis %d: %s %s does not fit %s %s", (int)e->ints[0],
                                  tfx_dtype_name(v->dtype), operand_text(g, e, i), tfx_dtype_name(first->dtype),
                                  operand_text(g, e, 0));
        total += v->dims[a];
    }
    e->ints[0] = a;
    out_like(g, e, 0, 0);
    e->out[0].dims[a] = total;
    return 1;
}

/* ---- matrices ---- */

int tfx_shape_matmul(tfx_graph *g, tfx_emission *e)
{
    int ta = (e->ints[0] & TFX_TRANS_A) != 0, tb = (e->ints[0] & TFX_TRANS_B) != 0;
    const tfx_graph_value *a = operand(g, e, 0), *b = operand(g, e, 1);
    uint32_t ra = a->n_dims, rb = b->n_dims;
    int rows = rb == 2 && ra > 2; /* leading dimensions of a are rows */
    if (ra < 2 || rb < 2)
        return tfx_graph_fail(g, "matmul: operands %s and %s need rank 2 at least", operand_text(g, e, 0),
                              operand_text(g, e, 1));
    if (rows && ta)
        return tfx_graph_fail(g, "matmul: a transposed left operand must have rank 2, found %s", operand_text(g, e, 0));
    if (!rows && (ra != rb || memcmp(a->dims, b->dims, sizeof(*a->dims) * (ra - 2))))
        return tfx_graph_fail(g, "matmul: leading dimensions of %s and %s differ", operand_text(g, e, 0),
                              operand_text(g, e, 1));
    int64_t ka = a->dims[ra - 1 - (uint32_t)ta], kb = b->dims[rb - 2 + (uint32_t)tb];
    if (ka != kb)
        return tfx_graph_fail(g, "matmul: inner dimensions %" PRId64 " and %" PRId64 " differ (%s%s times %s%s)", ka,
                              kb, operand_text(g, e, 0), ta ? " transposed" : "", operand_text(g, e, 1),
                              tb ? " transposed" : "");
    out_like(g, e, 0, 0);
    e->out[0].dims[ra - 2] = a->dims[ra - 2 + (uint32_t)ta];
    e->out[0].dims[ra - 1] = b->dims[rb - 1 - (uint32_t)tb];
    return 1;
}

/* ---- networks ---- */

int tfx_shape_softmax(tfx_graph *g, tfx_emission *e)
{
    if (operand(g, e, 0)->n_dims == 0)
        return tfx_graph_fail(g, "softmax: a scalar has no axis");
    return out_like(g, e, 0, 0);
}

int tfx_shape_topk(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *x = operand(g, e, 0);
    if (x->n_dims == 0 || e->ints[0] < 1 || e->ints[0] > x->dims[x->n_dims - 1])
        return tfx_graph_fail(g, "topk: %" PRId64 " of each row of %s: expected from 1 to as many as there are",
                              e->ints[0], operand_text(g, e, 0));
    return out_like(g, e, 0, 0);
}

/* Of a norm, or of its gradient, whose operands have one shape. */
int tfx_shape_norm(tfx_graph *g, tfx_emission *e)
{
    int64_t kind = e->ints[0];
    if (operand(g, e, 0)->n_dims == 0 || kind < TFX_NORM_LAYER || kind > TFX_NORM_L2 || !(e->reals[0] >= 0))
        return tfx_graph_fail(g, "%s: kind %" PRId64 " with eps %g cannot apply to %s", tfx_op_name(e->op), kind,
                              e->reals[0], operand_text(g, e, 0));
    return like_all(g, e);
}

/* Whether operand k is i32 [batch, time] of operand `of`. */
static int has_positions(const tfx_graph *g, const tfx_emission *e, uint32_t k, uint32_t of)
{
    const tfx_graph_value *p = operand(g, e, k), *x = operand(g, e, of);
    return p->dtype == TFX_I32 && p->n_dims == 2 && x->n_dims >= 2 && !memcmp(p->dims, x->dims, sizeof(int64_t[2]));
}

int tfx_shape_rope(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *x = operand(g, e, 0);
    int64_t n = e->ints[0];
    if (x->n_dims != 4)
        return tfx_graph_fail(g, "rope: expected [batch, time, heads, head_dim], found %s", operand_text(g, e, 0));
    if (n < 0 || n % 2 || n > x->dims[3] || !(e->reals[0] > 0))
        return tfx_graph_fail(
            g, "rope: %" PRId64 " rotated dimensions (base %g) of %" PRId64 "; expected an even number up to head_dim",
            n, e->reals[0], x->dims[3]);
    if (e->n_in > 1 && !has_positions(g, e, 1, 0))
        return tfx_graph_fail(g, "rope: positions of %s must be i32 [batch, time], found %s", operand_text(g, e, 0),
                              operand_text(g, e, 1));
    return out_like(g, e, 0, 0);
}

/* Whether b is as a, but for a number of heads that divides a's. */
static int has_fewer_heads(const tfx_graph_value *a, const tfx_graph_value *b)
{
    return a->n_dims == 4 && b->n_dims == 4 && a->dims[3] == b->dims[3] && a->dims[2] % b->dims[2] == 0;
}

static int check_attention(tfx_graph *g, const tfx_emission *e)
{
    if (e->ints[1] < 0 || !(e->reals[1] >= 0))
        return tfx_graph_fail(g, "%s: window %" PRId64 " and soft cap %g; expected 0 or more of both",
                              tfx_op_name(e->op), e->ints[1], e->reals[1]);
    return 1;
}

int tfx_shape_attention(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *q = operand(g, e, 0), *k = operand(g, e, 1);
    if (!has_fewer_heads(q, k) || memcmp(q->dims, k->dims, sizeof(int64_t[2])) ||
        !tfx_graph_same_shape(g, e->in[1], e->in[2]))
        return tfx_graph_fail(
            g,
            "attention: q %s, k %s and v %s must all be [batch, time, heads, head_dim]; k and v may have "
            "fewer heads, a divisor",
            operand_text(g, e, 0), operand_text(g, e, 1), operand_text(g, e, 2));
    if (!check_attention(g, e))
        return 0;
    out_like(g, e, 0, 0);
    e->out[1].n_dims = 3; /* log-sum-exp of [batch, heads, time] */
    memcpy(e->out[1].dims, (int64_t[]){q->dims[0], q->dims[2], q->dims[1]}, sizeof(int64_t[3]));
    return 1;
}

int tfx_shape_attention_grad(tfx_graph *g, tfx_emission *e)
{
    return out_like(g, e, 0, 0) && out_like(g, e, 1, 1) && out_like(g, e, 2, 2);
}

int tfx_shape_gather(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *table = operand(g, e, 0), *indices = operand(g, e, 1);
    uint32_t n = indices->n_dims;
    if (table->n_dims != 2 || indices->dtype != TFX_I32 || n + 1 > TFX_MAX_DIMS)
        return tfx_graph_fail(g, "gather: expected a table of rank 2 and i32 indices, found %s and %s %s",
                              operand_text(g, e, 0), tfx_dtype_name(indices->dtype), operand_text(g, e, 1));
    out_like(g, e, 0, 1);
    e->out[0].dtype = table->dtype;
    e->out[0].n_dims = n + 1;
    e->out[0].dims[n] = table->dims[1];
    return 1;
}

int tfx_shape_cross_entropy(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *l = operand(g, e, 0), *t = operand(g, e, 1);
    if (t->dtype != TFX_I32 || l->n_dims != t->n_dims + 1 || memcmp(l->dims, t->dims, sizeof(*t->dims) * t->n_dims))
        return tfx_graph_fail(g, "cross_entropy: logits %s do not fit %s targets %s", operand_text(g, e, 0),
                              tfx_dtype_name(t->dtype), operand_text(g, e, 1));
    for (uint32_t i = 0; i < 2; i++) {
        out_like(g, e, i, 1);
        e->out[i].dtype = l->dtype;
    }
    return 1;
}

int tfx_shape_custom(tfx_graph *g, tfx_emission *e)
{
    tfx_tensor info[8];
    const tfx_tensor *infos[8];
    for (uint32_t i = 0; i < e->n_in; i++) {
        const tfx_graph_value *v = operand(g, e, i);
        info[i] = (tfx_tensor){.struct_size = sizeof(tfx_tensor), .dtype = v->dtype, .n_dims = v->n_dims};
        memcpy(info[i].dims, v->dims, sizeof(info[i].dims));
        infos[i] = &info[i];
    }
    tfx_error reason = {0};
    tfx_tensor out[TFX_MAX_RESULTS];
    if (tfx_call_op_infer(e->custom, e->n_in, infos, e->ints, e->reals, out, &reason) != TFX_OK)
        return tfx_graph_fail(g, "custom op: %s", reason.text);
    e->n_out = tfx_op_n_results(e->custom);
    for (uint32_t k = 0; k < e->n_out; k++)
        e->out[k] = tfx_graph_asked(TFX_F32, out[k].n_dims, out[k].dims);
    const tfx_kernel *kernel = tfx_op_kernel(e->custom, g->device);
    if (kernel)
        e->scratch = tfx_call_kernel_scratch(e->custom, kernel, e->n_in, infos, e->ints, e->reals, &reason);
    e->flops = tfx_call_op_flops(e->custom, e->n_in, infos, e->ints, e->reals, &reason);
    return reason.status == TFX_OK || tfx_graph_fail(g, "custom op: %s", reason.text);
}

/* Whether b has the batch of a and all dimensions behind the second. */
static int like_but_time(const tfx_graph_value *a, const tfx_graph_value *b)
{
    return a->n_dims == b->n_dims && a->n_dims >= 2 && a->dims[0] == b->dims[0] &&
           !memcmp(a->dims + 2, b->dims + 2, sizeof(*a->dims) * (a->n_dims - 2));
}

int tfx_shape_insert(tfx_graph *g, tfx_emission *e)
{
    if (!like_but_time(operand(g, e, 0), operand(g, e, 1)) || !has_positions(g, e, 2, 1))
        return tfx_graph_fail(g, "insert: %s does not fit into %s at i32 positions [batch, time], found %s",
                              operand_text(g, e, 1), operand_text(g, e, 0), operand_text(g, e, 2));
    return out_like(g, e, 0, 0);
}

int tfx_shape_attention_cached(tfx_graph *g, tfx_emission *e)
{
    const tfx_graph_value *q = operand(g, e, 0), *k = operand(g, e, 1);
    if (!has_fewer_heads(q, k) || q->dims[0] != k->dims[0] || !tfx_graph_same_shape(g, e->in[1], e->in[2]) ||
        !has_positions(g, e, 3, 0))
        return tfx_graph_fail(g,
                              "attention_cached: q %s, k %s, v %s and positions %s must be [batch, time, heads, "
                              "head_dim], two of [batch, places, heads, head_dim] and i32 [batch, time]",
                              operand_text(g, e, 0), operand_text(g, e, 1), operand_text(g, e, 2),
                              operand_text(g, e, 3));
    return out_like(g, e, 0, 0);
}
