#include "framework/graph/builder.h"

#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/emit.h"
#include "framework/plugin/calls/op_calls.h"
#include "framework/plugin/host.h"
#include "framework/plugin/registry.h"

#define MOST_IOTA (1 << 24) /* integers up to there are exact */

tfx_graph *tfx_builder_graph(const tfx_builder *b)
{
    return b->impl;
}

/* Handles come from plugins: x, or TFX_POISON with an error of `what` when it is none of this graph. */
static tfx_value given(const tfx_builder *b, const char *what, tfx_value x)
{
    tfx_graph *g = b->impl;
    return x < g->n_values ? x : tfx_graph_fail(g, "%s: %u is no value of this graph", what, x);
}

static tfx_value no_param(const tfx_builder *b, const char *name, uint32_t n_dims, const int64_t *dims,
                          const tfx_init *init, int grow_axis, uint32_t flags)
{
    (void)n_dims, (void)dims, (void)init, (void)grow_axis, (void)flags;
    return tfx_graph_fail(b->impl, "param %s: only layers have parameters", name);
}

static tfx_value no_socket(const tfx_builder *b, const char *socket, tfx_value x, int64_t out_dim)
{
    (void)x, (void)out_dim;
    return tfx_graph_fail(b->impl, "slot %s: only layers have slots", socket);
}

static tfx_value b_error(const tfx_builder *b, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return tfx_graph_fail(b->impl, "%s", text);
}

static void no_loss(const tfx_builder *b, const char *name, tfx_value value, double weight)
{
    (void)value, (void)weight;
    tfx_graph_fail(b->impl, "loss %s: only layers have losses", name);
}

static void no_metric(const tfx_builder *b, const char *name, tfx_value value)
{
    (void)value;
    tfx_graph_fail(b->impl, "metric %s: only layers have metrics", name);
}

static uint32_t b_rank(const tfx_builder *b, tfx_value x)
{
    tfx_graph *g = b->impl;
    x = given(b, "rank", x);
    return x ? g->values[x].n_dims : 0;
}

static int64_t b_dim_of(const tfx_builder *b, tfx_value x, int axis)
{
    tfx_graph *g = b->impl;
    x = given(b, "dim_of", x);
    if (!x)
        return 0;
    int a = tfx_graph_axis(g, x, axis);
    if (a < 0)
        return tfx_graph_fail(g, "dim_of: a value of rank %u has no axis %d", g->values[x].n_dims, axis);
    return g->values[x].dims[a];
}

/* 0 for what is no value: the question can be asked without an error. */
static tfx_dtype b_dtype(const tfx_builder *b, tfx_value x)
{
    tfx_graph *g = b->impl;
    return x < g->n_values ? g->values[x].dtype : (tfx_dtype)0;
}

static tfx_value b_reshape(const tfx_builder *b, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    return tfx_emit_reshape(b->impl, given(b, "reshape", x), n_dims, dims);
}

static tfx_value b_permute(const tfx_builder *b, tfx_value x, const int *perm)
{
    return tfx_emit_permute(b->impl, given(b, "permute", x), perm);
}

static tfx_value b_slice(const tfx_builder *b, tfx_value x, int axis, int64_t start, int64_t length)
{
    return tfx_emit_slice(b->impl, given(b, "slice", x), axis, start, length);
}

static tfx_value b_concat(const tfx_builder *b, uint32_t n, const tfx_value *xs, int axis)
{
    for (uint32_t i = 0; i < n; i++)
        if (!given(b, "concat", xs[i]))
            return TFX_POISON;
    return tfx_emit_concat(b->impl, n, xs, axis);
}

static tfx_value b_broadcast(const tfx_builder *b, tfx_value x, uint32_t n_dims, const int64_t *dims)
{
    return tfx_emit_broadcast(b->impl, given(b, "broadcast", x), n_dims, dims);
}

#define BINARY(name, op) \
    static tfx_value b_##name(const tfx_builder *b, tfx_value x, tfx_value y) \
    { \
        return tfx_emit_binary(b->impl, op, given(b, #name, x), given(b, #name, y)); \
    }
BINARY(add, TFX_OP_ADD)
BINARY(sub, TFX_OP_SUB)
BINARY(mul, TFX_OP_MUL)
BINARY(div, TFX_OP_DIV)
BINARY(max, TFX_OP_MAX)
BINARY(min, TFX_OP_MIN)
#undef BINARY

static tfx_value b_compare(const tfx_builder *b, tfx_compare how, tfx_value x, tfx_value y)
{
    return tfx_emit_compare(b->impl, how, given(b, "compare", x), given(b, "compare", y));
}

static tfx_value b_affine(const tfx_builder *b, tfx_value x, double scale, double shift)
{
    return tfx_emit_affine(b->impl, given(b, "affine", x), scale, shift);
}

static tfx_value b_unary(const tfx_builder *b, tfx_unary kind, tfx_value x)
{
    return tfx_emit_unary(b->impl, kind, given(b, "unary", x));
}

static tfx_value b_constant(const tfx_builder *b, double value, uint32_t n_dims, const int64_t *dims)
{
    return tfx_emit_constant(b->impl, value, n_dims, dims);
}

static tfx_value b_cast(const tfx_builder *b, tfx_value x, tfx_dtype dtype)
{
    return tfx_emit_cast(b->impl, given(b, "cast", x), dtype);
}

static tfx_value b_sum(const tfx_builder *b, tfx_value x, uint32_t n_axes, const int *axes, int keep_dims)
{
    uint32_t mask = 0, rank = b_rank(b, x);
    for (uint32_t i = 0; x && i < n_axes; i++) {
        int a = axes[i] < 0 ? axes[i] + (int)rank : axes[i];
        if (a < 0 || a >= (int)rank)
            return tfx_graph_fail(b->impl, "sum: a value of rank %u has no axis %d", rank, axes[i]);
        mask |= 1u << a;
    }
    return tfx_emit_sum(b->impl, given(b, "sum", x), mask, keep_dims);
}

static tfx_value b_matmul(const tfx_builder *b, tfx_value x, tfx_value y, uint32_t flags, double alpha)
{
    return tfx_emit_matmul(b->impl, given(b, "matmul", x), given(b, "matmul", y), flags, alpha, TFX_POISON);
}

static tfx_value b_softmax(const tfx_builder *b, tfx_value x)
{
    return tfx_emit_softmax(b->impl, given(b, "softmax", x));
}

static tfx_value b_topk(const tfx_builder *b, tfx_value x, int64_t k)
{
    return tfx_emit_topk(b->impl, given(b, "topk", x), k);
}

static tfx_value b_stop_gradient(const tfx_builder *b, tfx_value x)
{
    return tfx_emit_stop_gradient(b->impl, given(b, "stop_gradient", x));
}

static tfx_value b_array(const tfx_builder *b, tfx_dtype dtype, uint32_t n_dims, const int64_t *dims, const void *data)
{
    return tfx_emit_array(b->impl, dtype, n_dims, dims, data);
}

static tfx_value b_iota(const tfx_builder *b, int64_t n, double start, double step)
{
    if (n < 1 || n > MOST_IOTA)
        return tfx_graph_fail(b->impl, "iota: expected from 1 to %d elements, found %lld", MOST_IOTA, (long long)n);
    float *data = TFX_NEW_ARRAY(float, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(start + (double)i * step);
    tfx_value v = tfx_emit_array(b->impl, TFX_F32, 1, &n, data);
    free(data);
    return v;
}

static tfx_value b_norm(const tfx_builder *b, tfx_norm kind, tfx_value x, double eps)
{
    return tfx_emit_norm(b->impl, kind, given(b, "norm", x), eps);
}

static tfx_value b_rope(const tfx_builder *b, tfx_value x, int64_t n_dims, double base)
{
    return tfx_emit_rope(b->impl, given(b, "rope", x), n_dims, 1, base);
}

static tfx_value b_attention(const tfx_builder *b, tfx_value q, tfx_value k, tfx_value v, double scale)
{
    return tfx_emit_attention(b->impl, given(b, "attention", q), given(b, "attention", k), given(b, "attention", v),
                              scale, NULL);
}

static tfx_value b_attention_with(const tfx_builder *b, tfx_value q, tfx_value k, tfx_value v, double scale,
                                  const tfx_attention *how)
{
    tfx_attention all = {0}; /* what an older plugin's struct does not have is zero */
    if (how)
        memcpy(&all, how, how->struct_size < sizeof(all) ? how->struct_size : sizeof(all));
    return tfx_emit_attention(b->impl, given(b, "attention", q), given(b, "attention", k), given(b, "attention", v),
                              scale, &all);
}

static tfx_value b_gather(const tfx_builder *b, tfx_value table, tfx_value indices)
{
    return tfx_emit_gather(b->impl, given(b, "gather", table), given(b, "gather", indices));
}

static tfx_value b_cross_entropy(const tfx_builder *b, tfx_value logits, tfx_value targets)
{
    return tfx_emit_cross_entropy(b->impl, given(b, "cross_entropy", logits), given(b, "cross_entropy", targets));
}

static tfx_value b_dropout(const tfx_builder *b, tfx_value x, double p)
{
    tfx_graph *g = b->impl;
    if (!(p >= 0 && p < 1))
        return tfx_graph_fail(g, "dropout: probability %g is outside [0, 1)", p);
    x = given(b, "dropout", x);
    if (!g->training || p == 0)
        return x;
    return tfx_emit_dropout(g, x, g->dropout_key, p, g->n_dropouts++);
}

static void collect(tfx_op_set *s, const tfx_op_class *cls)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i] == cls)
            return;
    *TFX_APPEND(s->items, s->n, s->cap) = cls;
}

/* Sets all results to TFX_POISON where it fails. */
static void custom(const tfx_builder *b, const tfx_op_class *cls, uint32_t n_in, const tfx_value *in, uint32_t n_ints,
                   const int64_t *ints, uint32_t n_reals, const double *reals, tfx_value *out)
{
    tfx_graph *g = b->impl;
    if (g->ops)
        collect(g->ops, cls);
    memset(out, 0, sizeof(*out) * tfx_op_n_results(cls));
    for (uint32_t i = 0; i < n_in; i++)
        if (!given(b, cls->id, in[i]))
            return;
    const tfx_kernel *kernel = tfx_op_kernel(cls, g->device);
    /* Of what the backward pass is made of, nobody wants a gradient. */
    int differentiable = !g->training || g->backward || tfx_op_has_vjp(cls);
    if (kernel && differentiable && (g->special_kernels || !tfx_op_kernel_is_special(cls, kernel))) {
        tfx_emit_custom(g, cls, n_in, in, n_ints, ints, n_reals, reals, out);
        return;
    }
    int64_t all_ints[TFX_MAX_INTS] = {0};
    double all_reals[TFX_MAX_REALS] = {0};
    if (n_ints > TFX_MAX_INTS || n_reals > TFX_MAX_REALS) {
        tfx_graph_fail(g, "custom op %s: too many attributes", cls->id);
        return;
    }
    if (n_ints)
        memcpy(all_ints, ints, sizeof(*ints) * n_ints);
    if (n_reals)
        memcpy(all_reals, reals, sizeof(*reals) * n_reals);
    tfx_call_op_lower(cls, b, n_in, in, all_ints, all_reals, out);
}

static const tfx_op_class *find_op(tfx_graph *g, const char *op_id)
{
    tfx_error err = {0};
    const tfx_op_class *cls = g->registry ? tfx_registry_find(g->registry, TFX_KIND_OP, op_id, &err) : NULL;
    if (!cls)
        tfx_graph_fail(g, "custom op %s: %s", op_id, g->registry ? err.text : "no plugins are loaded");
    return cls;
}

static tfx_value b_custom(const tfx_builder *b, const char *op_id, uint32_t n_in, const tfx_value *in, uint32_t n_ints,
                          const int64_t *ints, uint32_t n_reals, const double *reals)
{
    const tfx_op_class *cls = find_op(b->impl, op_id);
    tfx_value y = TFX_POISON;
    if (!cls)
        return TFX_POISON;
    if (tfx_op_n_results(cls) > 1)
        return tfx_graph_fail(b->impl, "custom op %s has %u results: build it by `custom_results`", cls->id,
                              tfx_op_n_results(cls));
    custom(b, cls, n_in, in, n_ints, ints, n_reals, reals, &y);
    return y;
}

static void b_custom_results(const tfx_builder *b, const char *op_id, uint32_t n_in, const tfx_value *in,
                             uint32_t n_ints, const int64_t *ints, uint32_t n_reals, const double *reals,
                             uint32_t n_out, tfx_value *out)
{
    const tfx_op_class *cls = find_op(b->impl, op_id);
    memset(out, 0, sizeof(*out) * n_out);
    if (cls && tfx_op_n_results(cls) != n_out)
        tfx_graph_fail(b->impl, "custom op %s has %u result%s; found room for %u", cls->id, tfx_op_n_results(cls),
                       tfx_op_n_results(cls) == 1 ? "" : "s", n_out);
    else if (cls)
        custom(b, cls, n_in, in, n_ints, ints, n_reals, reals, out);
}

static tfx_value b_unary_grad(const tfx_builder *b, tfx_unary kind, tfx_value x, tfx_value dy)
{
    return tfx_emit_unary_grad(b->impl, kind, given(b, "unary_grad", x), given(b, "unary_grad", dy));
}

static tfx_value b_norm_grad(const tfx_builder *b, tfx_norm kind, tfx_value x, tfx_value dy, double eps)
{
    return tfx_emit_norm_grad(b->impl, kind, given(b, "norm_grad", x), given(b, "norm_grad", dy), eps);
}

void tfx_builder_for_graph(tfx_builder *b, tfx_graph *g)
{
    *b = (tfx_builder){
        .struct_size = sizeof(tfx_builder),
        .host = tfx_host_table(),
        .param = no_param,
        .slot = no_socket,
        .error = b_error,
        .rank = b_rank,
        .dim_of = b_dim_of,
        .dtype = b_dtype,
        .reshape = b_reshape,
        .permute = b_permute,
        .slice = b_slice,
        .concat = b_concat,
        .broadcast = b_broadcast,
        .add = b_add,
        .sub = b_sub,
        .mul = b_mul,
        .div = b_div,
        .affine = b_affine,
        .unary = b_unary,
        .constant = b_constant,
        .cast = b_cast,
        .sum = b_sum,
        .matmul = b_matmul,
        .softmax = b_softmax,
        .norm = b_norm,
        .rope = b_rope,
        .attention = b_attention,
        .gather = b_gather,
        .cross_entropy = b_cross_entropy,
        .dropout = b_dropout,
        .custom = b_custom,
        .impl = g,
        .max = b_max,
        .min = b_min,
        .compare = b_compare,
        .topk = b_topk,
        .stop_gradient = b_stop_gradient,
        .array = b_array,
        .iota = b_iota,
        .attention_with = b_attention_with,
        .loss = no_loss,
        .metric = no_metric,
        .custom_results = b_custom_results,
        .unary_grad = b_unary_grad,
        .norm_grad = b_norm_grad,
    };
}
