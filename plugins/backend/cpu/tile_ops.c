/* The pointwise operations on one tile, vectorised by the compiler.
 *
 * A tile is short enough to stay in the first-level cache, so each of these loops is limited
 * by arithmetic, and the memory traffic of a fused chain is that of its inputs and outputs. */
#include "simd.h"

#include "tile_ops.h"
#include "vmath.h"

/* dst = expr of x and y, which are made of the operands' elements a[i] and b[i], or of the numbers
 * a0 and b0 that stand for a whole tile. */
#define BINARY_LOOP(name, x_expr, y_expr, expr) \
    TFX_CPU_CLONES static void name(const tfx_cpu_tile *t) \
    { \
        float *dst = t->dst; \
        const float *a = t->a, *b = t->b; \
        float a0 = a[0], b0 = b[0], sa = t->scale, ca = t->shift, sb = t->scale_b, cb = t->shift_b; \
        (void)a0, (void)b0, (void)sa, (void)ca, (void)sb, (void)cb; \
        int64_t n = t->n; \
        TFX_CPU_IVDEP \
        for (int64_t i = 0; i < n; i++) { \
            float x = (x_expr), y = (y_expr); \
            (void)x; \
            dst[i] = (expr); \
        } \
    }

#define BINARY(name, expr) \
    BINARY_LOOP(name##_vv, a[i], b[i], expr) \
    BINARY_LOOP(name##_vs, a[i], b0, expr) \
    BINARY_LOOP(name##_sv, a0, b[i], expr) \
    static const tfx_cpu_tile_fn name##_table[3] = {name##_vv, name##_vs, name##_sv};

#define BINARY_AFFINE(name, expr) \
    BINARY_LOOP(name##_pa, a[i] * sa + ca, b[i], expr) \
    BINARY_LOOP(name##_pb, a[i], b[i] * sb + cb, expr) \
    BINARY_LOOP(name##_pab, a[i] * sa + ca, b[i] * sb + cb, expr) \
    static const tfx_cpu_tile_fn name##_affine_table[3] = {name##_pa, name##_pb, name##_pab};

#define UNARY(linkage, name, expr) \
    TFX_CPU_CLONES linkage void name(const tfx_cpu_tile *t) \
    { \
        float *dst = t->dst; \
        const float *a = t->a; \
        float scale = t->scale, shift = t->shift; \
        (void)scale, (void)shift; \
        int64_t n = t->n; \
        TFX_CPU_IVDEP \
        for (int64_t i = 0; i < n; i++) { \
            float x = a[i]; \
            dst[i] = (expr); \
        } \
    }

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x *y)
BINARY(div, x / y)

BINARY(max, x > y || x != x ? x : y)
BINARY(min, x < y || x != x ? x : y)
BINARY(less, x < y ? 1.0f : 0.0f)
BINARY(less_equal, x <= y ? 1.0f : 0.0f)
BINARY(equal, x == y ? 1.0f : 0.0f)
BINARY(not_equal, x != y ? 1.0f : 0.0f)
BINARY(greater_equal, x >= y ? 1.0f : 0.0f)
BINARY(greater, x > y ? 1.0f : 0.0f)

BINARY_AFFINE(add, x + y)
BINARY_AFFINE(sub, x - y)
BINARY_AFFINE(mul, x *y)
BINARY_AFFINE(div, x / y)

UNARY(static, neg_v, -x)
UNARY(static, exp_v, vm_exp(x))
UNARY(static, log_v, vm_log(x))
UNARY(static, sqrt_v, sqrtf(x))
UNARY(static, rsqrt_v, 1.0f / sqrtf(x))
UNARY(static, tanh_v, vm_tanh(x))
UNARY(static, relu_v, x < 0.0f ? 0.0f : x)
UNARY(static, silu_v, vm_silu(x))
UNARY(static, gelu_erf_v, vm_gelu_erf(x))
UNARY(static, gelu_tanh_v, vm_gelu_tanh(x))
UNARY(static, sign_v, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x)

/* x is the operand of the function, y the gradient of its result. */
BINARY(neg_grad, -y)
BINARY(exp_grad, y *vm_exp(x))
BINARY(log_grad, y / x)
BINARY(sqrt_grad, y *(0.5f / sqrtf(x)))
BINARY(rsqrt_grad, y *(-0.5f / x / sqrtf(x)))
BINARY(tanh_grad, y *vm_tanh_grad(x))
BINARY(relu_grad, x <= 0.0f ? 0.0f : y)
BINARY(silu_grad, y *vm_silu_grad(x))
BINARY(gelu_erf_grad, y *vm_gelu_erf_grad(x))
BINARY(gelu_tanh_grad, y *vm_gelu_tanh_grad(x))

const tfx_cpu_tile_fn *tfx_cpu_tile_binary(tfx_op op)
{
    switch (op) {
    case TFX_OP_ADD: return add_table;
    case TFX_OP_SUB: return sub_table;
    case TFX_OP_MUL: return mul_table;
    case TFX_OP_DIV: return div_table;
    case TFX_OP_MAX: return max_table;
    case TFX_OP_MIN: return min_table;
    default: return NULL;
    }
}

const tfx_cpu_tile_fn *tfx_cpu_tile_compare(tfx_compare how)
{
    static const tfx_cpu_tile_fn *const table[] = {
        [TFX_LESS] = less_table,           [TFX_LESS_EQUAL] = less_equal_table,       [TFX_EQUAL] = equal_table,
        [TFX_NOT_EQUAL] = not_equal_table, [TFX_GREATER_EQUAL] = greater_equal_table, [TFX_GREATER] = greater_table,
    };
    return table[how];
}

const tfx_cpu_tile_fn *tfx_cpu_tile_binary_affine(tfx_op op)
{
    switch (op) {
    case TFX_OP_ADD: return add_affine_table;
    case TFX_OP_SUB: return sub_affine_table;
    case TFX_OP_MUL: return mul_affine_table;
    case TFX_OP_DIV: return div_affine_table;
    default: return NULL;
    }
}

tfx_cpu_tile_fn tfx_cpu_tile_unary(tfx_unary kind)
{
    static const tfx_cpu_tile_fn table[] = {
        [TFX_NEG] = neg_v,           [TFX_EXP] = exp_v,
        [TFX_LOG] = log_v,           [TFX_SQRT] = sqrt_v,
        [TFX_RSQRT] = rsqrt_v,       [TFX_TANH] = tanh_v,
        [TFX_RELU] = relu_v,         [TFX_SILU] = silu_v,
        [TFX_GELU_ERF] = gelu_erf_v, [TFX_GELU_TANH] = gelu_tanh_v,
        [TFX_SIGN] = sign_v,
    };
    return table[kind];
}

const tfx_cpu_tile_fn *tfx_cpu_tile_unary_grad(tfx_unary kind)
{
    static const tfx_cpu_tile_fn *const table[] = {
        [TFX_NEG] = neg_grad_table,           [TFX_EXP] = exp_grad_table,
        [TFX_LOG] = log_grad_table,           [TFX_SQRT] = sqrt_grad_table,
        [TFX_RSQRT] = rsqrt_grad_table,       [TFX_TANH] = tanh_grad_table,
        [TFX_RELU] = relu_grad_table,         [TFX_SILU] = silu_grad_table,
        [TFX_GELU_ERF] = gelu_erf_grad_table, [TFX_GELU_TANH] = gelu_tanh_grad_table,
    };
    return table[kind];
}

#define WITH_SLOPE(name, function) \
    TFX_CPU_CLONES static void name(const tfx_cpu_tile *t) \
    { \
        float *dst = t->dst, *slope = t->slope; \
        const float *a = t->a; \
        int64_t n = t->n; \
        TFX_CPU_IVDEP \
        for (int64_t i = 0; i < n; i++) { \
            float x = a[i], d; \
            dst[i] = function(x, &d); \
            slope[i] = d; \
        } \
    }

WITH_SLOPE(silu_with_slope, vm_silu_with_slope)
WITH_SLOPE(gelu_erf_with_slope, vm_gelu_erf_with_slope)
WITH_SLOPE(gelu_tanh_with_slope, vm_gelu_tanh_with_slope)

tfx_cpu_tile_fn tfx_cpu_tile_unary_with_slope(tfx_unary kind)
{
    return kind == TFX_SILU        ? silu_with_slope
           : kind == TFX_GELU_ERF  ? gelu_erf_with_slope
           : kind == TFX_GELU_TANH ? gelu_tanh_with_slope
                                   : NULL;
}

UNARY(extern, tfx_cpu_tile_affine, x *scale + shift)

/* Bits 32..63 of the first Philox4x32-10 output (tfx_host.random_u64), for the element with
 * the 64-bit counter (lo, hi). The host has it, too, but a plugin sees include/tfx only, and a call for each element would
 * not be vectorised; the tests of dropout compare both. */
TFX_CPU_INLINE uint32_t philox_high(uint32_t lo, uint32_t hi, uint32_t s0, uint32_t s1, uint32_t k0, uint32_t k1)
{
    uint32_t c0 = lo, c1 = hi, c2 = s0, c3 = s1;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c1;
}

TFX_CPU_CLONES void tfx_cpu_tile_dropout(const tfx_cpu_tile *t)
{
    float *dst = t->dst;
    const float *a = t->a;
    uint32_t k0 = (uint32_t)t->key[1], k1 = (uint32_t)t->key[0];
    uint32_t s0 = (uint32_t)t->stream, s1 = (uint32_t)(t->stream >> 32);
    float scale = t->scale;
    int64_t n = t->n;
    uint64_t threshold = t->threshold;
    /* Within a tile the counter's upper half changes at most once: split there. */
    for (int64_t from = 0; from < n;) {
        uint64_t first = (uint64_t)t->index + (uint64_t)from;
        uint32_t lo = (uint32_t)first, hi = (uint32_t)(first >> 32);
        uint64_t room = ((uint64_t)1 << 32) - lo;
        int64_t len = (uint64_t)(n - from) < room ? n - from : (int64_t)room;
        const float *src = a + from;
        float *out = dst + from;
        TFX_CPU_IVDEP
        for (int64_t i = 0; i < len; i++) {
            uint64_t r = philox_high(lo + (uint32_t)i, hi, s0, s1, k0, k1);
            out[i] = r >= threshold ? src[i] * scale : 0.0f;
        }
        from += len;
    }
}

/* The upper half of x, rounded to nearest, ties to even; a NaN stays a (quiet) NaN. */
TFX_CPU_INLINE uint32_t round_bf16(float x)
{
    uint32_t u = vm_bits(x);
    uint32_t rounded = u + 0x7fffu + (u >> 16 & 1u);
    return (x != x ? u | 0x00400000u : rounded) >> 16;
}

UNARY(extern, tfx_cpu_tile_round_bf16, vm_float(round_bf16(x) << 16))

TFX_CPU_CLONES void tfx_cpu_fill(int64_t n, float *dst, float value)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = value;
}

TFX_CPU_CLONES void tfx_cpu_load_bf16(int64_t n, float *dst, const uint16_t *src)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        dst[i] = vm_float((uint32_t)src[i] << 16);
}

TFX_CPU_CLONES void tfx_cpu_store_bf16(int64_t n, uint16_t *dst, const float *src)
{
    TFX_CPU_IVDEP
    for (int64_t i = 0; i < n; i++)
        dst[i] = (uint16_t)round_bf16(src[i]);
}

TFX_CPU_CLONES void tfx_cpu_fill_bf16(int64_t n, uint16_t *dst, float value)
{
    uint16_t v = (uint16_t)round_bf16(value);
    for (int64_t i = 0; i < n; i++)
        dst[i] = v;
}

TFX_CPU_CLONES double tfx_cpu_tile_sum(int64_t n, const float *x)
{
    TFX_CPU_SUM(sum, double, k, n, (double)x[k])
    return sum;
}
