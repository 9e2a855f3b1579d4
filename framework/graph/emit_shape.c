/* Emitting ops that move elements without computing. */
#include <inttypes.h>
#include <string.h>

#include "framework/graph/emit.h"

tfx_value tfx_emit_reshape(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    if (!x)
        return TFX_POISON;
    if (n_dims > TFX_MAX_DIMS)
        return tfx_graph_fail(g, "reshape: rank %u is above the limit of %d", n_dims, TFX_MAX_DIMS);
    int64_t out_dims[TFX_MAX_DIMS], known = 1, total = (int64_t)tfx_value_elements(g, x);
    int open = -1;
    for (uint32_t i = 0; i < n_dims; i++) {
        out_dims[i] = dims[i];
        if (dims[i] == -1 && open < 0)
            open = (int)i;
        else if (dims[i] < 1)
            return tfx_graph_fail(g, "reshape: dimension %u is %" PRId64, i, dims[i]);
        else if (__builtin_mul_overflow(known, dims[i], &known))
            known = INT64_MAX; /* fits nothing */
    }
    if (open >= 0 && total % known == 0) {
        out_dims[open] = total / known;
        known = total;
    }
    if (known != total)
        return tfx_graph_fail(g, "reshape: %s has %" PRId64 " elements, the new shape needs %s%" PRId64,
                              tfx_graph_shape_text(g, x), total, open >= 0 ? "a multiple of " : "", known);
    const tfx_graph_value *v = &g->values[x];
    if (v->n_dims == n_dims && !memcmp(v->dims, out_dims, sizeof(*dims) * n_dims))
        return x;
    /* The same view again (q, k and v each flatten their input): one value, so that their
     * gradients meet in one buffer. */
    for (uint32_t i = g->n_nodes, looked = 0; i-- > 0 && looked < 64; looked++) {
        const tfx_graph_node *node = &g->nodes[i];
        if (node->op == TFX_OP_RESHAPE && node->in[0] == x && node->region == g->region &&
            g->values[node->out].n_dims == n_dims &&
            !memcmp(g->values[node->out].dims, out_dims, sizeof(*dims) * n_dims))
            return node->out;
    }
    tfx_value out = tfx_graph_append(g, TFX_OP_RESHAPE, 1, &x, NULL, 0, NULL, 0, 1);
    g->values[out].dtype = g->values[x].dtype;
    tfx_graph_set_shape(g, out, n_dims, out_dims);
    return out;
}

tfx_value tfx_emit_permute(tfx_graph *g, tfx_value x, const int *perm)
{
    if (!x)
        return TFX_POISON;
    uint32_t n = g->values[x].n_dims, seen = 0;
    int64_t ints[TFX_MAX_INTS], dims[TFX_MAX_DIMS];
    for (uint32_t i = 0; i < n; i++) {
        if (perm[i] < 0 || perm[i] >= (int)n || (seen >> perm[i] & 1))
            return tfx_graph_fail(g, "permute: the order given for %s is not a permutation", tfx_graph_shape_text(g, x));
        seen |= 1u << perm[i];
        ints[i] = perm[i];
        dims[i] = g->values[x].dims[perm[i]];
    }
    tfx_value out = tfx_graph_append(g, TFX_OP_PERMUTE, 1, &x, ints, n, NULL, 0, 1);
    g->values[out].dtype = g->values[x].dtype;
    tfx_graph_set_shape(g, out, n, dims);
    return out;
}

tfx_value tfx_emit_slice(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length)
{
    if (!x)
        return TFX_POISON;
    int a = tfx_graph_axis(g, x, axis);
    if (a < 0)
        return tfx_graph_fail(g, "slice: %s has no axis %d", tfx_graph_shape_text(g, x), axis);
    if (start < 0 || length < 1 || length > g->values[x].dims[a] - start)
        return tfx_graph_fail(g, "slice: %" PRId64 " + %" PRId64 " is outside axis %d of %s", start, length, a,
                              tfx_graph_shape_text(g, x));
    if (length == g->values[x].dims[a])
        return x;
    tfx_value out = tfx_graph_append_like(g, TFX_OP_SLICE, 1, &x, (int64_t[]){a, start}, 2, NULL, 0, x);
    g->values[out].dims[a] = length;
    return out;
}

tfx_value tfx_emit_pad(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length)
{
    if (!x)
        return TFX_POISON;
    tfx_value out = tfx_graph_append_like(g, TFX_OP_PAD, 1, &x, (int64_t[]){axis, start}, 2, NULL, 0, x);
    g->values[out].dims[axis] = length;
    return out;
}

tfx_value tfx_emit_concat(tfx_graph *g, uint32_t n, const tfx_value *xs, int axis)
{
    if (n == 0)
        return tfx_graph_fail(g, "concat: no operands");
    int64_t total = 0;
    int a = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!xs[i])
            return TFX_POISON;
        a = tfx_graph_axis(g, xs[i], axis);
        const tfx_graph_value *first = &g->values[xs[0]], *v = &g->values[xs[i]];
        int ok = a >= 0 && v->n_dims == first->n_dims && v->dtype == first->dtype;
        for (uint32_t d = 0; ok && d < v->n_dims; d++)
            ok = (int)d == a || v->dims[d] == first->dims[d];
        if (!ok)
            return tfx_graph_fail(g, "concat along axis %d: %s %s does not fit %s %s", axis, tfx_dtype_name(v->dtype),
                                  tfx_graph_shape_text(g, xs[i]), tfx_dtype_name(first->dtype),
                                  tfx_graph_shape_text(g, xs[0]));
        total += v->dims[a];
    }
    if (n == 1)
        return xs[0];
    tfx_value out = tfx_graph_append_like(g, TFX_OP_CONCAT, n, xs, (int64_t[]){a}, 1, NULL, 0, xs[0]);
    g->values[out].dims[a] = total;
    return out;
}
