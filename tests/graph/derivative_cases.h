/* The forward graphs whose derivatives are checked: at least one for every op that has a
 * derivative. Each builds its result from trained operands x[0], x[1], ... */
#ifndef TFX_TESTS_DERIVATIVE_CASES_H
#define TFX_TESTS_DERIVATIVE_CASES_H

#include "tests/graph/lab.h"

#define BUILD(name) static tfx_value name(lab *l, const tfx_value *x)
#define B (&l->b)

/* ---- arithmetic ---- */

BUILD(c_add)
{
    return l->b.add(B, x[0], x[1]);
}
BUILD(c_sub)
{
    return l->b.sub(B, x[0], x[1]);
}
BUILD(c_mul)
{
    return l->b.mul(B, x[0], x[1]);
}
BUILD(c_div)
{
    return l->b.div(B, x[0], x[1]);
}
/* x, moved away from what it is compared with, to either side in turn. */
static tfx_value apart(lab *l, tfx_value x)
{
    return l->b.add(B, x, l->b.array(B, TFX_F32, 1, (int64_t[]){4}, (float[]){3, -3, -3, 3}));
}
BUILD(c_max)
{
    return l->b.max(B, apart(l, x[0]), x[1]);
}
BUILD(c_min)
{
    return l->b.min(B, l->b.mul(B, x[0], x[0]), apart(l, x[1]));
}
/* Clipped to [-1, 1]: beyond it there is no gradient. */
BUILD(c_clipped)
{
    tfx_value one = l->b.constant(B, 1, 0, NULL), minus = l->b.constant(B, -1, 0, NULL);
    return l->b.mul(B, l->b.max(B, l->b.min(B, x[0], one), minus), x[0]);
}
/* |x|: the sign has no gradient. */
BUILD(c_absolute)
{
    return l->b.mul(B, x[0], l->b.unary(B, TFX_SIGN, x[0]));
}
/* What is selected has gradients, the selection has none. */
BUILD(c_selected)
{
    tfx_value larger = l->b.compare(B, TFX_GREATER, apart(l, x[0]), x[1]);
    return l->b.add(B, l->b.mul(B, x[0], larger), l->b.mul(B, l->b.mul(B, x[1], x[1]), l->b.affine(B, larger, -1, 1)));
}
BUILD(c_topk)
{
    return l->b.mul(B, x[0], l->b.topk(B, x[0], 2));
}
BUILD(c_affine)
{
    return l->b.affine(B, x[0], -1.75, 0.5);
}
BUILD(c_square)
{
    return l->b.mul(B, x[0], x[0]);
}
BUILD(c_self_ratio)
{
    return l->b.div(B, x[0], l->b.affine(B, x[0], 1, 1));
}
BUILD(c_minus_itself)
{
    return l->b.sub(B, l->b.mul(B, x[0], x[0]), x[0]);
}
BUILD(c_broadcast)
{
    return l->b.broadcast(B, x[0], 3, (int64_t[]){4, 3, 5});
}
/* Two roads from one value, one of them through a view. */
BUILD(c_used_twice)
{
    tfx_value t = l->b.unary(B, TFX_TANH, x[0]), v = l->b.reshape(B, t, 1, (int64_t[]){-1});
    return l->b.add(B, l->b.mul(B, v, v), l->b.reshape(B, l->b.affine(B, t, 3, 1), 1, (int64_t[]){-1}));
}
/* The same view emitted twice is one value. */
BUILD(c_viewed_twice)
{
    tfx_value u = l->b.reshape(B, x[0], 2, (int64_t[]){6, 2}), v = l->b.reshape(B, x[0], 2, (int64_t[]){6, 2});
    return l->b.mul(B, u, l->b.unary(B, TFX_TANH, v));
}
BUILD(c_cast)
{
    return l->b.cast(B, l->b.cast(B, x[0], TFX_BF16), TFX_F32);
}
/* A bf16 value read twice: its gradients meet in bf16. */
BUILD(c_cast_twice)
{
    tfx_value y = l->b.cast(B, x[0], TFX_BF16);
    return l->b.add(B, l->b.cast(B, y, TFX_F32), l->b.affine(B, l->b.cast(B, y, TFX_F32), 2, 0));
}
BUILD(c_dropout)
{
    return l->b.mul(B, l->b.dropout(B, x[0], 0.4), l->b.dropout(B, x[0], 0.25));
}

#define UNARY(name, kind) \
    BUILD(name) \
    { \
        return l->b.unary(B, kind, x[0]); \
    }
UNARY(c_neg, TFX_NEG)
UNARY(c_exp, TFX_EXP)
UNARY(c_log, TFX_LOG)
UNARY(c_sqrt, TFX_SQRT)
UNARY(c_rsqrt, TFX_RSQRT)
UNARY(c_tanh, TFX_TANH)
UNARY(c_relu, TFX_RELU)
UNARY(c_silu, TFX_SILU)
UNARY(c_gelu_erf, TFX_GELU_ERF)
UNARY(c_gelu_tanh, TFX_GELU_TANH)

/* ---- movement ---- */

BUILD(c_reshape)
{
    return l->b.reshape(B, l->b.mul(B, x[0], x[0]), 3, (int64_t[]){2, -1, 2});
}
BUILD(c_permute)
{
    return l->b.permute(B, x[0], (int[]){2, 0, 1});
}
BUILD(c_permute_square)
{
    return l->b.mul(B, l->b.permute(B, x[0], (int[]){1, 0}), x[1]);
}
BUILD(c_slice)
{
    return l->b.slice(B, x[0], 1, 1, 2);
}
BUILD(c_slice_back)
{
    return l->b.slice(B, x[0], -1, 2, 3);
}
BUILD(c_pad)
{
    return tfx_emit_pad(&l->g, x[0], 1, 2, 7);
}
BUILD(c_concat)
{
    return l->b.concat(B, 3, (tfx_value[]){x[0], x[1], x[0]}, 1);
}
BUILD(c_chain)
{
    tfx_value a = l->b.permute(B, l->b.reshape(B, x[0], 3, (int64_t[]){2, 3, 4}), (int[]){1, 2, 0}); /* 3 4 2 */
    tfx_value head = l->b.slice(B, a, 1, 0, 1), tail = l->b.slice(B, a, 1, 1, 3);                    /* 3 1 2, 3 3 2 */
    tfx_value swapped = l->b.concat(B, 2, (tfx_value[]){tail, head}, 1);
    return l->b.mul(B, l->b.reshape(B, swapped, 1, (int64_t[]){24}), l->b.reshape(B, x[0], 1, (int64_t[]){24}));
}

/* ---- reductions and matrices ---- */

BUILD(c_sum_all)
{
    return l->b.sum(B, l->b.mul(B, x[0], x[0]), 3, (int[]){0, 1, 2}, 0);
}
BUILD(c_sum_middle)
{
    return l->b.sum(B, x[0], 1, (int[]){1}, 0);
}
BUILD(c_sum_keep)
{
    return l->b.mul(B, x[0], l->b.sum(B, x[0], 2, (int[]){0, -1}, 1));
}
BUILD(c_matmul)
{
    return l->b.matmul(B, x[0], x[1], 0, 1.5);
}
BUILD(c_matmul_ta)
{
    return l->b.matmul(B, x[0], x[1], TFX_TRANS_A, 0.5);
}
BUILD(c_matmul_tb)
{
    return l->b.matmul(B, x[0], x[1], TFX_TRANS_B, 1);
}
BUILD(c_matmul_tab)
{
    return l->b.matmul(B, x[0], x[1], TFX_TRANS_A | TFX_TRANS_B, -1);
}
BUILD(c_gram)
{
    return l->b.matmul(B, x[0], x[0], TFX_TRANS_A, 1);
}
BUILD(c_gram_rows)
{
    return l->b.matmul(B, x[0], x[0], TFX_TRANS_B, 1);
}
BUILD(c_matrix_square)
{
    return l->b.matmul(B, x[0], x[0], 0, 1);
}
/* ... of something that has a gradient already when the product's comes. */
BUILD(c_gram_shared)
{
    tfx_value z = l->b.matmul(B, x[0], x[0], TFX_TRANS_A, 1);
    return l->b.matmul(B, x[0], z, 0, 1);
}
/* Both operands used before and after: gradients that are added to in place. */
BUILD(c_matmul_shared)
{
    tfx_value y = l->b.matmul(B, x[0], x[1], 0, 1), z = l->b.matmul(B, x[0], x[1], 0, 0.5);
    return l->b.matmul(B, l->b.unary(B, TFX_TANH, y), z, TFX_TRANS_B, 1);
}
BUILD(c_matmul_added)
{
    return tfx_emit_matmul(&l->g, x[0], x[1], 0, 0.75, x[2]);
}

/* ---- networks ---- */

BUILD(c_softmax)
{
    return l->b.softmax(B, x[0]);
}
BUILD(c_norm_layer)
{
    return l->b.norm(B, TFX_NORM_LAYER, x[0], 1e-5);
}
BUILD(c_norm_rms)
{
    return l->b.norm(B, TFX_NORM_RMS, x[0], 1e-5);
}
BUILD(c_norm_l2)
{
    return l->b.norm(B, TFX_NORM_L2, x[0], 1e-12);
}
BUILD(c_norm_eps) /* an eps of the size of the data has a derivative of its own */
{
    return l->b.add(B, l->b.norm(B, TFX_NORM_LAYER, x[0], 0.5),
                    l->b.add(B, l->b.norm(B, TFX_NORM_RMS, x[0], 0.5), l->b.norm(B, TFX_NORM_L2, x[0], 0.5)));
}
BUILD(c_rope)
{
    return l->b.rope(B, x[0], 6, 10000);
}
BUILD(c_rope_part)
{
    return l->b.rope(B, x[0], 2, 100);
}
BUILD(c_attention)
{
    return l->b.attention(B, x[0], x[1], x[2], 0.5);
}
BUILD(c_attention_window)
{
    return l->b.attention_with(B, x[0], x[1], x[2], 0.5, &(tfx_attention){sizeof(tfx_attention), 0, 2, 0, 0});
}
BUILD(c_attention_capped)
{
    return l->b.attention_with(B, x[0], x[1], x[2], 0.9, &(tfx_attention){sizeof(tfx_attention), 1, 3, 0.7, 1});
}
BUILD(c_attention_self)
{
    return l->b.attention(B, x[0], x[0], x[0], 0.7);
}
BUILD(c_attention_rope)
{
    return l->b.attention(B, l->b.rope(B, x[0], 4, 100), l->b.rope(B, x[1], 4, 100), x[2], 0.5);
}

static tfx_value indices(lab *l, shape s, const int32_t *values)
{
    tfx_value v = lab_input(l, TFX_I32, s);
    memcpy(lab_data(l, v), values, shape_count(s) * sizeof(*values));
    return v;
}

BUILD(c_gather) /* rows 0 (never), 3 (three times); used once more as a matrix: tied weights */
{
    tfx_value at = indices(l, SHAPE(2, 3), (int32_t[]){1, 3, 3, 2, 3, 4});
    tfx_value y = l->b.gather(B, x[0], at);
    return l->b.matmul(B, y, x[0], TFX_TRANS_B, 1);
}
BUILD(c_gather_twice)
{
    tfx_value y = l->b.gather(B, x[0], indices(l, SHAPE(3), (int32_t[]){0, 0, 2}));
    tfx_value z = l->b.gather(B, x[0], indices(l, SHAPE(3), (int32_t[]){2, 1, 2}));
    return l->b.mul(B, y, z);
}
BUILD(c_cross_entropy)
{
    return l->b.cross_entropy(B, x[0], indices(l, SHAPE(2, 2), (int32_t[]){4, 0, 2, 2}));
}
BUILD(c_cross_entropy_masked)
{
    return l->b.cross_entropy(B, l->b.affine(B, x[0], 2, 0), indices(l, SHAPE(4), (int32_t[]){1, -1, 0, -100}));
}

/* A custom op with a vjp: 2 x y. */
static tfx_status twice_infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                              const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)host, (void)n_in, (void)ints, (void)reals;
    *n_dims = in[0]->n_dims;
    memcpy(dims, in[0]->dims, sizeof(int64_t) * in[0]->n_dims);
    return TFX_OK;
}
static tfx_value twice_lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                             const double *reals)
{
    (void)n_in, (void)ints;
    return b->affine(b, b->mul(b, in[0], in[1]), reals[0], 0);
}
static tfx_status twice_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                            const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)out, (void)ints;
    dx[0] = b->affine(b, b->mul(b, dy, in[1]), reals[0], 0);
    dx[1] = b->affine(b, b->mul(b, dy, in[0]), reals[0], 0);
    return TFX_OK;
}
static void twice_run(const tfx_kernel_args *a)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < a->out_info->n_dims; i++)
        n *= a->out_info->dims[i];
    for (int64_t i = n * a->part / a->n_parts; i < n * (a->part + 1) / a->n_parts; i++)
        ((float *)a->out)[i] = (float)a->reals[0] * ((const float *)a->in[0])[i] * ((const float *)a->in[1])[i];
}
static const tfx_kernel twice_kernel = {sizeof(tfx_kernel), "cpu", twice_run};
static const tfx_kernel *const twice_kernels[] = {&twice_kernel, NULL};
static const tfx_op_class twice = {sizeof(tfx_op_class), "test.twice/1", "2 x y",      twice_infer,
                                   twice_lower,          twice_vjp,      twice_kernels};

BUILD(c_custom)
{
    tfx_value y;
    tfx_emit_custom(&l->g, &twice, 2, (tfx_value[]){x[0], l->b.unary(B, TFX_TANH, x[1])}, 0, NULL, 1, (double[]){2},
                    &y);
    return y;
}

typedef struct op_case {
    const char *name;
    tfx_op op; /* that the forward graph must contain */
    tfx_value (*build)(lab *l, const tfx_value *x);
    double lo, hi; /* operands are drawn from here; kept 1/8 away from 0 when `gap` is set */
    int gap;
    uint32_t n_in;
    shape in[3];
} op_case;

#define CASE(op, build, lo, hi, n_in, ...) \
    { \
#build, TFX_OP_##op, build, lo, hi, 0, n_in, \
        { \
            __VA_ARGS__ \
        } \
    }
#define CASE_GAP(op, build, lo, hi, n_in, ...) \
    { \
#build, TFX_OP_##op, build, lo, hi, 1, n_in, \
        { \
            __VA_ARGS__ \
        } \
    }
#define DIMS(...) \
    { \
        sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
        { \
            __VA_ARGS__ \
        } \
    }
#define NO_DIMS \
    { \
        0, \
        { \
            0 \
        } \
    }

static const op_case op_cases[] = {
    CASE(ADD, c_add, -1, 1, 2, DIMS(3, 4), DIMS(3, 4)),
    CASE(ADD, c_add, -1, 1, 2, DIMS(2, 3, 4), DIMS(4)),
    CASE(ADD, c_add, -1, 1, 2, NO_DIMS, DIMS(2, 3)),
    CASE(ADD, c_add, -1, 1, 2, DIMS(2, 1, 3), DIMS(4, 1)), /* both stretch */
    CASE(SUB, c_sub, -1, 1, 2, DIMS(5), DIMS(5)),
    CASE(SUB, c_sub, -1, 1, 2, DIMS(1), DIMS(3, 2)),
    CASE(SUB, c_minus_itself, -1, 1, 1, DIMS(5)),
    CASE(MUL, c_mul, -1, 1, 2, DIMS(3, 4), DIMS(3, 4)),
    CASE(MUL, c_mul, -1, 1, 2, DIMS(3, 1), DIMS(2, 3, 4)),
    CASE(MUL, c_mul, -1, 1, 2, DIMS(2, 2), NO_DIMS),
    CASE(MUL, c_square, -1, 1, 1, DIMS(7)),
    CASE(DIV, c_div, 0.5, 2, 2, DIMS(2, 3), DIMS(2, 3)),
    CASE(DIV, c_div, 0.5, 2, 2, DIMS(4, 3), DIMS(4, 1)),
    CASE(DIV, c_div, 0.5, 2, 2, NO_DIMS, DIMS(5)),
    CASE(DIV, c_div, -2, -0.5, 2, DIMS(5), NO_DIMS),
    CASE(DIV, c_self_ratio, 0.5, 2, 1, DIMS(4)),
    CASE(MAX, c_max, -1, 1, 2, DIMS(3, 4), DIMS(3, 4)),
    CASE(MAX, c_max, -1, 1, 2, DIMS(3, 1), DIMS(2, 3, 4)),
    CASE(MIN, c_min, -1, 1, 2, DIMS(3, 4), DIMS(4)),
    CASE(MIN, c_clipped, -2, 2, 1, DIMS(3, 4)),
    CASE_GAP(UNARY, c_absolute, -2, 2, 1, DIMS(9)),
    CASE(COMPARE, c_selected, -1, 1, 2, DIMS(3, 4), DIMS(3, 4)),
    CASE(TOPK, c_topk, -2, 2, 1, DIMS(3, 5)),
    CASE(AFFINE, c_affine, -1, 1, 1, DIMS(2, 5)),
    CASE(AFFINE, c_affine, -1, 1, 1, NO_DIMS),
    CASE(UNARY, c_neg, -2, 2, 1, DIMS(9)),
    CASE(UNARY, c_exp, -2, 2, 1, DIMS(9)),
    CASE(UNARY, c_log, 0.5, 4, 1, DIMS(9)),
    CASE(UNARY, c_sqrt, 0.5, 4, 1, DIMS(9)),
    CASE(UNARY, c_rsqrt, 0.5, 4, 1, DIMS(9)),
    CASE(UNARY, c_tanh, -2, 2, 1, DIMS(9)),
    CASE_GAP(UNARY, c_relu, -2, 2, 1, DIMS(9)),
    CASE(UNARY, c_silu, -3, 3, 1, DIMS(3, 5)),
    CASE(UNARY, c_gelu_erf, -3, 3, 1, DIMS(3, 5)),
    CASE(UNARY, c_gelu_tanh, -3, 3, 1, DIMS(3, 5)),
    CASE(CAST, c_cast, -1, 1, 1, DIMS(3, 5)),
    CASE(CAST, c_cast_twice, -1, 1, 1, DIMS(3, 5)),
    CASE(DROPOUT, c_dropout, -1, 1, 1, DIMS(4, 8)),
    CASE(BROADCAST, c_broadcast, -1, 1, 1, DIMS(5)),
    CASE(BROADCAST, c_broadcast, -1, 1, 1, DIMS(3, 1)),
    CASE(BROADCAST, c_broadcast, -1, 1, 1, DIMS(4, 1, 1)),
    CASE(BROADCAST, c_broadcast, -1, 1, 1, NO_DIMS),
    CASE(RESHAPE, c_reshape, -1, 1, 1, DIMS(4, 3)),
    CASE(RESHAPE, c_used_twice, -1, 1, 1, DIMS(3, 4)),
    CASE(RESHAPE, c_viewed_twice, -1, 1, 1, DIMS(3, 4)),
    CASE(PERMUTE, c_permute, -1, 1, 1, DIMS(2, 3, 4)),
    CASE(PERMUTE, c_permute_square, -1, 1, 2, DIMS(3, 4), DIMS(4, 3)),
    CASE(SLICE, c_slice, -1, 1, 1, DIMS(2, 4, 3)),
    CASE(SLICE, c_slice_back, -1, 1, 1, DIMS(2, 5)),
    CASE(SLICE, c_chain, -1, 1, 1, DIMS(4, 6)),
    CASE(PAD, c_pad, -1, 1, 1, DIMS(2, 3, 2)),
    CASE(CONCAT, c_concat, -1, 1, 2, DIMS(2, 3), DIMS(2, 1)),
    CASE(SUM, c_sum_all, -1, 1, 1, DIMS(2, 3, 2)),
    CASE(SUM, c_sum_middle, -1, 1, 1, DIMS(2, 3, 4)),
    CASE(SUM, c_sum_keep, -1, 1, 1, DIMS(2, 3, 2)),
    CASE(MATMUL, c_matmul, -1, 1, 2, DIMS(3, 4), DIMS(4, 2)),
    CASE(MATMUL, c_matmul_ta, -1, 1, 2, DIMS(4, 3), DIMS(4, 2)),
    CASE(MATMUL, c_matmul_tb, -1, 1, 2, DIMS(3, 4), DIMS(2, 4)),
    CASE(MATMUL, c_matmul_tab, -1, 1, 2, DIMS(4, 3), DIMS(2, 4)),
    CASE(MATMUL, c_matmul, -1, 1, 2, DIMS(2, 3, 4), DIMS(2, 4, 2)),
    CASE(MATMUL, c_matmul_ta, -1, 1, 2, DIMS(2, 4, 3), DIMS(2, 4, 2)),
    CASE(MATMUL, c_matmul_tb, -1, 1, 2, DIMS(2, 3, 4), DIMS(2, 2, 4)),
    CASE(MATMUL, c_matmul_tab, -1, 1, 2, DIMS(2, 2, 4, 3), DIMS(2, 2, 2, 4)),
    CASE(MATMUL, c_matmul, -1, 1, 2, DIMS(2, 3, 4), DIMS(4, 5)), /* rows times one matrix */
    CASE(MATMUL, c_matmul_tb, -1, 1, 2, DIMS(2, 2, 3, 4), DIMS(5, 4)),
    CASE(MATMUL, c_matmul, 0.5, 2, 2, DIMS(1, 4), DIMS(4, 1)),
    CASE(MATMUL, c_gram, -1, 1, 1, DIMS(4, 3)),
    CASE(MATMUL, c_gram_shared, -1, 1, 1, DIMS(4, 3)),
    CASE(MATMUL, c_gram_rows, -1, 1, 1, DIMS(2, 4, 3)),
    CASE(MATMUL, c_matrix_square, -1, 1, 1, DIMS(3, 3)),
    CASE(MATMUL, c_matmul_shared, -1, 1, 2, DIMS(3, 4), DIMS(4, 4)),
    CASE(MATMUL, c_matmul_added, -1, 1, 3, DIMS(3, 4), DIMS(4, 2), DIMS(3, 2)),
    CASE(SOFTMAX, c_softmax, -2, 2, 1, DIMS(3, 5)),
    CASE(SOFTMAX, c_softmax, -2, 2, 1, DIMS(2, 2, 4)),
    CASE(SOFTMAX, c_softmax, -2, 2, 1, DIMS(6)),
    CASE(NORM, c_norm_layer, -2, 2, 1, DIMS(3, 6)),
    CASE(NORM, c_norm_rms, -2, 2, 1, DIMS(3, 6)),
    CASE(NORM, c_norm_l2, -2, 2, 1, DIMS(3, 6)),
    CASE(NORM, c_norm_layer, -2, 2, 1, DIMS(2, 2, 5)),
    CASE(NORM, c_norm_l2, -2, 2, 1, DIMS(7)),
    CASE(NORM, c_norm_eps, -1, 1, 1, DIMS(3, 6)),
    CASE(ROPE, c_rope, -1, 1, 1, DIMS(2, 3, 2, 6)),
    CASE(ROPE, c_rope_part, -1, 1, 1, DIMS(1, 4, 2, 6)),
    CASE(ATTENTION, c_attention, -1, 1, 3, DIMS(2, 4, 2, 3), DIMS(2, 4, 2, 3), DIMS(2, 4, 2, 3)),
    CASE(ATTENTION, c_attention_window, -1, 1, 3, DIMS(2, 4, 2, 3), DIMS(2, 4, 2, 3), DIMS(2, 4, 2, 3)),
    CASE(ATTENTION, c_attention, -1, 1, 3, DIMS(1, 4, 4, 3), DIMS(1, 4, 2, 3), DIMS(1, 4, 2, 3)),
    CASE(ATTENTION, c_attention_capped, -1, 1, 3, DIMS(2, 5, 4, 3), DIMS(2, 5, 1, 3), DIMS(2, 5, 1, 3)),
    CASE(ATTENTION, c_attention, -2, 2, 3, DIMS(1, 1, 2, 3), DIMS(1, 1, 2, 3), DIMS(1, 1, 2, 3)),
    CASE(ATTENTION, c_attention_self, -1, 1, 1, DIMS(1, 5, 2, 2)),
    CASE(ATTENTION, c_attention_rope, -2, 2, 3, DIMS(1, 4, 1, 6), DIMS(1, 4, 1, 6), DIMS(1, 4, 1, 6)),
    CASE(GATHER, c_gather, -1, 1, 1, DIMS(5, 3)),
    CASE(GATHER, c_gather_twice, -1, 1, 1, DIMS(4, 3)),
    CASE(CROSS_ENTROPY, c_cross_entropy, -2, 2, 1, DIMS(2, 2, 5)),
    CASE(CROSS_ENTROPY, c_cross_entropy_masked, -2, 2, 1, DIMS(4, 3)),
    CASE(CUSTOM, c_custom, -1, 1, 2, DIMS(3, 4), DIMS(3, 4)),
};
#define N_OP_CASES ((int)(sizeof(op_cases) / sizeof(*op_cases)))

#undef B

#endif
