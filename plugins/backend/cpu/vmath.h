/* Elementary functions of one float, written so that a loop over them vectorises: no calls,
 * no tables, selections instead of branches.
 *
 * Errors stay within a few units in the last place over the whole range (the tests compare
 * with the C library in double precision); infinities, NaN and denormals come out as they
 * should. exp and log reduce their argument as Cephes does (S. Moshier), tanh uses Cephes'
 * polynomial near zero; the normal distribution's tail was fitted for this file.
 */
#ifndef TFX_CPU_VMATH_H
#define TFX_CPU_VMATH_H

#include "simd.h"

#include <math.h>
#include <string.h>

TFX_CPU_INLINE uint32_t vm_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof(u));
    return u;
}

TFX_CPU_INLINE float vm_float(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof(x));
    return x;
}

TFX_CPU_INLINE float vm_abs(float x)
{
    return vm_float(vm_bits(x) & 0x7fffffffu);
}

/* |x| with the sign of s. */
TFX_CPU_INLINE float vm_copysign(float x, float s)
{
    return vm_float((vm_bits(x) & 0x7fffffffu) | (vm_bits(s) & 0x80000000u));
}

/* exp(r) for |r| <= ln(2)/2 or a little more. */
TFX_CPU_INLINE float vm_exp_reduced(float r)
{
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return p * (r * r) + r + 1.0f;
}

/* exp(x + lo) for a correction lo far smaller than x. */
TFX_CPU_INLINE float vm_exp2part(float x, float lo)
{
    /* Adding 1.5 * 2^23 rounds to an integer that then sits in the low bits. */
    float t = x * 1.44269504089f + 12582912.0f;
    float k = t - 12582912.0f;
    float r = x - k * 0.693359375f;
    r = r - k * -2.12194440e-4f + lo;
    float p = vm_exp_reduced(r);
    /* 2^k in two factors, so that results at both ends of the range, denormals included,
     * are rounded once. */
    int32_t n = (int32_t)(vm_bits(t) - 0x4b400000u);
    int32_t half = n >> 1;
    float s1 = vm_float(((uint32_t)half + 127u) << 23);
    float s2 = vm_float(((uint32_t)n - (uint32_t)half + 127u) << 23);
    float y = p * s1 * s2;
    /* Selected last: clamping x first makes gcc 12 compile every use twice. NaN passes. */
    y = x < -105.0f ? 0.0f : y;
    return x > 89.0f ? INFINITY : y;
}

TFX_CPU_INLINE float vm_exp(float x)
{
    return vm_exp2part(x, 0.0f);
}

/* exp(x) for x <= 88 and the purposes of a softmax: results below the smallest normal number
 * are 0. A third cheaper. */
TFX_CPU_INLINE float vm_exp_shifted(float x)
{
    float t = x * 1.44269504089f + 12582912.0f;
    float k = t - 12582912.0f;
    float r = x - k * 0.693359375f;
    r = r - k * -2.12194440e-4f;
    float y = vm_exp_reduced(r) * vm_float((vm_bits(t) + 127u) << 23);
    return x < -87.0f ? 0.0f : y;
}

TFX_CPU_INLINE float vm_log(float x)
{
    float scaled = x < 0x1p-126f ? x * 0x1p23f : x; /* denormals */
    float e0 = x < 0x1p-126f ? -23.0f : 0.0f;
    /* x = m * 2^e with m in [sqrt(1/2), sqrt(2)). */
    uint32_t u = vm_bits(scaled) - 0x3f3504f3u;
    float e = (float)((int32_t)u >> 23) + e0;
    float f = vm_float((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float z = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float y = f * z * p;
    y = y + e * -2.12194440e-4f;
    y = y - 0.5f * z;
    float r = f + y + e * 0.693359375f;
    r = x == INFINITY ? x : r;
    r = x == 0.0f ? -INFINITY : r;
    /* The NaN of a negative argument; x != x keeps a NaN argument. */
    r = x < 0.0f ? NAN : r;
    return x != x ? x : r;
}

TFX_CPU_INLINE float vm_tanh(float x)
{
    float a = vm_abs(x);
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float near0 = x + x * (z * p);
    float e = vm_exp(a + a);
    float far = vm_copysign(1.0f - 2.0f / (e + 1.0f), x);
    float r = a < 0.625f ? near0 : far;
    return x != x ? x : r;
}

/* 1 - tanh(x)^2 */
TFX_CPU_INLINE float vm_tanh_grad(float x)
{
    float e = vm_exp(-2.0f * vm_abs(x));
    float d = 1.0f + e;
    return 4.0f * e / (d * d);
}

/* 1 / (1 + exp(-(x + lo))), accurate relative to itself also where it is tiny; *slope is its
 * derivative, likewise. */
TFX_CPU_INLINE float vm_sigmoid2part(float x, float lo, float *slope)
{
    float neg_a = -vm_abs(x);
    float e = vm_exp2part(neg_a, x < 0.0f ? lo : -lo); /* NaN stays NaN */
    float d = 1.0f + e;
    *slope = e / (d * d);
    return (x < 0.0f ? e : 1.0f) / d;
}

/* Beyond this a sigmoid-like gate is 0 or 1 in float, and its slope 0. Selecting there keeps
 * inf * 0 from becoming NaN; NaN itself passes. */
#define VM_GATE_END 120.0f

TFX_CPU_INLINE float vm_gated(float x, float gate)
{
    float y = x * gate;
    return x < -VM_GATE_END ? 0.0f : y;
}

/* gate(x) + x * slope, the derivative of x * gate(x) */
TFX_CPU_INLINE float vm_gated_grad(float x, float gate, float slope)
{
    float d = gate + x * slope;
    d = x < -VM_GATE_END ? 0.0f : d;
    return x > VM_GATE_END ? 1.0f : d;
}

TFX_CPU_INLINE float vm_silu(float x)
{
    float slope;
    return vm_gated(x, vm_sigmoid2part(x, 0.0f, &slope));
}

/* The functions "with slope" also give the derivative. */
TFX_CPU_INLINE float vm_silu_with_slope(float x, float *d)
{
    float slope;
    float s = vm_sigmoid2part(x, 0.0f, &slope);
    *d = vm_gated_grad(x, s, slope);
    return vm_gated(x, s);
}

TFX_CPU_INLINE float vm_silu_grad(float x)
{
    float d;
    vm_silu_with_slope(x, &d);
    return d;
}

/* *density = exp(-x^2/2); returns P(Z <= x) of the standard normal distribution. */
TFX_CPU_INLINE float vm_normal(float x, float *density)
{
    float a = vm_abs(x);
    /* a^2/2 in two parts: the square of a short number is exact. */
    float ah = vm_float(vm_bits(a) & 0xfffff000u);
    float e = vm_exp2part(-0.5f * ah * ah, -0.5f * (a - ah) * (a + ah));
    /* Tail: exp(-a^2/2) * u * polynomial(u), u = 1 / (1 + 0.3 a), relative error 3.5e-9. */
    float u = 1.0f / (1.0f + 0.3f * a);
    float p = -2.062355212e-02f;
    p = p * u + 1.124360629e-01f;
    p = p * u - 2.282146521e-01f;
    p = p * u + 1.917859273e-01f;
    p = p * u - 7.942463697e-02f;
    p = p * u + 9.615743856e-02f;
    p = p * u + 7.838944413e-02f;
    p = p * u + 1.102354677e-01f;
    p = p * u + 1.195718089e-01f;
    p = p * u + 1.196866901e-01f;
    float tail = e * (u * p);
    *density = e;
    return x > 0.0f ? 1.0f - tail : tail;
}

TFX_CPU_INLINE float vm_gelu_erf(float x)
{
    float e;
    return vm_gated(x, vm_normal(x, &e));
}

TFX_CPU_INLINE float vm_gelu_erf_with_slope(float x, float *d)
{
    float e;
    float p = vm_normal(x, &e);
    *d = vm_gated_grad(x, p, e * 0.3989422804f);
    return vm_gated(x, p);
}

TFX_CPU_INLINE float vm_gelu_erf_grad(float x)
{
    float d;
    vm_gelu_erf_with_slope(x, &d);
    return d;
}

/* gelu_tanh(x) = x * sigmoid(w), w = 2 sqrt(2/pi) (x + 0.044715 x^3). w is computed in
 * double and split, because the sigmoid's tail turns absolute errors of w into relative
 * ones of the result. */
TFX_CPU_INLINE float vm_gelu_tanh_gate(float x, float *slope)
{
    const double linear = 1.5957691216057307, cubic = 1.5957691216057307 * 0.044715;
    double d = (double)x;
    double w = d * (linear + cubic * d * d);
    float hi = (float)w;
    float lo = (float)(w - (double)hi);
    float s = vm_sigmoid2part(hi, lo, slope);
    *slope *= (float)linear + (float)(3.0 * cubic) * x * x;
    return s;
}

TFX_CPU_INLINE float vm_gelu_tanh(float x)
{
    float slope;
    return vm_gated(x, vm_gelu_tanh_gate(x, &slope));
}

TFX_CPU_INLINE float vm_gelu_tanh_with_slope(float x, float *d)
{
    float slope;
    float s = vm_gelu_tanh_gate(x, &slope);
    *d = vm_gated_grad(x, s, slope);
    return vm_gated(x, s);
}

TFX_CPU_INLINE float vm_gelu_tanh_grad(float x)
{
    float d;
    vm_gelu_tanh_with_slope(x, &d);
    return d;
}

#endif
