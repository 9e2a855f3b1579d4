/* Pattention, and its gradient, in blocks of rows: a block's scores are computed, normalised and multiplied with the values while
 * they are in the cache. Keys and values are packed once for all blocks, in a phase of their own.
 *
 * Forward:   phase 0   pack K^T and V
 *            phase 1   per block of rows: a = x K^T, g = gelu(tau a / |a|), y = g V
 * Backward:  phase 0   pack V^T and K
 *            phase 1   per block of rows: dg = dy V^T, from it and a: g, da, a part of dtau; dx = da K
 *            phase 2   per block of slots: dK = da^T x, dV = g^T dy, which sum over all rows
 *
 * A sum has its terms in one order, whatever the number of parts and the tiles are, so results are the same bits. */
#include "../backend/cpu/simd.h"

#include "pattention_kernels.h"

#include <math.h>
#include <string.h>

#include "../backend/cpu/gemm_tiles.h"
#include "../backend/cpu/vmath.h"

/* Rows of a block are a multiple of the height of all tiles, WIDTH of their widths. DEPTH: terms of a product that are packed at
 * once. */
enum { FEW_ROWS = 96, MANY_ROWS = 384, WIDTH = 32, DEPTH = 512, ALIGN = 16 /* elements */ };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

typedef struct sizes {
    int64_t rows, d, n, m; /* x is [rows, d], K [n, d], V [n, m] */
    int64_t block;         /* the most rows of a block */
} sizes;

static sizes sizes_of(const tfx_tensor *const *in)
{
    sizes s = {1, in[1]->dims[1], in[1]->dims[0], in[2]->dims[1], FEW_ROWS};
    for (uint32_t i = 0; i + 1 < in[0]->n_dims; i++)
        s.rows *= in[0]->dims[i];
    /* Keys that do not stay in the second-level cache come anew for every block: with more rows that is a few percent faster, by
     * bench-fused. */
    if (s.n * s.d > 1 << 19)
        s.block = MANY_ROWS;
    return s;
}

/* Rows of blocks of which each part has as many. */
static int64_t block_rows(const sizes *s, int64_t n_parts)
{
    int64_t blocks = round_up((s->rows + s->block - 1) / s->block, n_parts);
    return smaller(s->block, round_up((s->rows + blocks - 1) / blocks, TFX_CPU_MAX_TILE_ROWS));
}

/* ---- products ---- */

/* Packs a part's share of the `lines` columns of an operand with `depth` terms, which are at x[line * ld + term], or with `across` at
 * x[term * ld + line]. */
static void pack_share(const tfx_kernel_args *k, const tfx_cpu_tiles *t, const float *x, int64_t ld, int across,
                       int64_t lines, int64_t depth, uint32_t *out)
{
    for (int64_t i = k->part * t->cols; i < lines; i += (int64_t)k->n_parts * t->cols)
        tfx_cpu_pack_f32(across ? x + i : x + i * ld, ld, across, smaller(t->cols, lines - i), depth, t->cols, 1,
                         out + i * depth);
}

/* c[rows, cols] = a b, or with `adds` c + a b, over `steps` terms of both; panels of b are `apart` elements apart. */
static void multiply(const tfx_cpu_tiles *t, int64_t rows, int64_t cols, int64_t steps, const uint32_t *a,
                     const uint32_t *b, int64_t apart, float *c, int64_t ldc, int adds)
{
    for (int64_t j = 0; j < cols; j += t->cols, b += apart)
        for (int64_t i = 0; i < rows; i += t->rows) {
            float *at = c + i * ldc + j;
            const tfx_cpu_tile_out out = {at, adds ? at : NULL, ldc, smaller(t->cols, cols - j), 1.0f};
            t->tile[smaller(t->rows, rows - i) - 1](steps, a + i * steps, b, &out);
        }
}

/* c[rows, cols] = x b for packed b, where x[row * depth + term]; `room` has rows * DEPTH elements. */
static void product(const tfx_cpu_tiles *t, int64_t rows, int64_t cols, int64_t depth, const float *x,
                    const uint32_t *b, float *c, uint32_t *room)
{
    for (int64_t l = 0; l < depth; l += DEPTH) {
        int64_t steps = smaller(DEPTH, depth - l);
        tfx_cpu_pack_f32(x + l, depth, 0, rows, steps, t->rows, 0, room);
        multiply(t, rows, cols, steps, room, b + l * t->cols, depth * t->cols, c, cols, l > 0);
    }
}

/* ---- scores ---- */

/* sum_k x_k y_k: in 32 sums side by side, which are then added up in pairs. Rows can be as short as these sums are many, so
 * what comes after the loop counts. */
TFX_CPU_INLINE double dot(const float *x, const float *y, int64_t n)
{
    enum { LANES = 32 };
    float lanes[LANES] = {0};
    double sums[LANES / 2];
    int64_t from = 0;
    for (; from + LANES <= n; from += LANES)
        for (int j = 0; j < LANES; j++)
            lanes[j] += x[from + j] * y[from + j];
    for (int j = 0; j < n - from; j++)
        lanes[j] += x[from + j] * y[from + j];
    for (int j = 0; j < LANES / 2; j++)
        sums[j] = (double)lanes[j] + (double)lanes[j + LANES / 2];
    for (int half = LANES / 4; half; half /= 2)
        for (int j = 0; j < half; j++)
            sums[j] += sums[j + half];
    return sums[0];
}

/* 1 / sqrt(sum of squares + eps); 0 where that is infinite. */
TFX_CPU_INLINE float length_of(const float *a, int64_t n, double eps)
{
    double sum = dot(a, a, n) + eps;
    return sum > 0 ? (float)(1.0 / sqrt(sum)) : sum == 0 ? 0.0f : (float)sum;
}

/* g = gelu(tau a / |a|); g may be a. */
static TFX_CPU_CLONES void normalise(const float *a, int64_t n, float tau, double eps, int exact, float *g)
{
    float r = length_of(a, n, eps);
    if (exact)
        for (int64_t k = 0; k < n; k++)
            g[k] = vm_gelu_erf(a[k] * r * tau);
    else
        for (int64_t k = 0; k < n; k++)
            g[k] = vm_gelu_tanh(a[k] * r * tau);
}

/* Of a row: dg becomes da, and g what it was. Returns the row's part of dtau, the sum over dz a / |a| with dz = dg gelu'. */
static TFX_CPU_CLONES double differentiate(const float *a, int64_t n, float tau, double eps, int exact, float *dg,
                                           float *g)
{
    float r = length_of(a, n, eps), slope;
    if (exact)
        for (int64_t k = 0; k < n; k++) {
            g[k] = vm_gelu_erf_with_slope(a[k] * r * tau, &slope);
            dg[k] *= slope;
        }
    else
        for (int64_t k = 0; k < n; k++) {
            g[k] = vm_gelu_tanh_with_slope(a[k] * r * tau, &slope);
            dg[k] *= slope;
        }
    double along = dot(dg, a, n) * (double)r;
    float shared = (float)along * r, scale = tau * r;
    for (int64_t k = 0; k < n; k++)
        dg[k] = scale * (dg[k] - a[k] * shared);
    return along;
}

/* ---- forward ---- */

/* What all parts share, in elements: K^T and V, packed. */
static int64_t value_at(const sizes *s)
{
    return round_up(s->n, WIDTH) * s->d;
}

uint64_t pattention_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    sizes s = sizes_of(in);
    return (uint64_t)(value_at(&s) + round_up(s.m, WIDTH) * s.n) * 4;
}

/* And each for itself: packed rows, and their scores. */
uint64_t pattention_part_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    sizes s = sizes_of(in);
    return (uint64_t)(s.block * (DEPTH + s.n)) * 4;
}

void pattention_run(const tfx_kernel_args *k, const tfx_cpu_tiles *t)
{
    sizes s = sizes_of(k->in_info);
    const float *x = (const float *)k->in[0], tau = *(const float *)k->in[3];
    float *y = (float *)k->outs[0], *a = (float *)k->outs[1];
    uint32_t *keys = (uint32_t *)k->scratch, *values = keys + value_at(&s), *room = (uint32_t *)k->part_scratch;
    float *g = (float *)(room + s.block * DEPTH);
    if (k->phase == 0) {
        pack_share(k, t, (const float *)k->in[1], s.d, 0, s.n, s.d, keys);
        if (y)
            pack_share(k, t, (const float *)k->in[2], s.m, 1, s.m, s.n, values);
        return;
    }
    int64_t block = block_rows(&s, k->n_parts);
    for (int64_t i = k->part * block; i < s.rows; i += k->n_parts * block) {
        int64_t rows = smaller(block, s.rows - i);
        float *scores = a ? a + i * s.n : g;
        product(t, rows, s.n, s.d, x + i * s.d, keys, scores, room);
        for (int64_t row = 0; y && row < rows; row++)
            normalise(scores + row * s.n, s.n, tau, k->reals[0], !k->ints[0], g + row * s.n);
        if (y)
            product(t, rows, s.m, s.n, g, values, y + i * s.m, room);
    }
}

/* ---- backward ---- */

/* What all parts share, in elements: V^T and K packed, g and da, and a double for each row. */
typedef struct shared {
    int64_t keys, g, da, dtau, end;
} shared;

static shared lay_out(const sizes *s)
{
    shared y = {.keys = round_up(s->n, WIDTH) * s->m};
    y.g = y.keys + round_up(s->d, WIDTH) * s->n;
    y.da = round_up(y.g + s->rows * s->n, ALIGN);
    y.dtau = round_up(y.da + s->rows * s->n, ALIGN);
    y.end = y.dtau + 2 * s->rows;
    return y;
}

uint64_t pattention_grad_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    sizes s = sizes_of(in);
    return (uint64_t)lay_out(&s).end * 4;
}

/* And each for itself: packed rows, or slots, and the packed rows that sums over rows take. */
uint64_t pattention_grad_part_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                                      const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    sizes s = sizes_of(in);
    return (uint64_t)(s.block * DEPTH + DEPTH * round_up(s.d > s.m ? s.d : s.m, WIDTH)) * 4;
}

static void differentiate_rows(const tfx_kernel_args *k, const tfx_cpu_tiles *t, const sizes *s, const shared *at)
{
    const float tau = *(const float *)k->in[3], *a = (const float *)k->in[4], *dy = (const float *)k->in[5];
    uint32_t *scratch = (uint32_t *)k->scratch, *room = (uint32_t *)k->part_scratch;
    float *g = (float *)(scratch + at->g), *da = (float *)(scratch + at->da), *dx = (float *)k->outs[0];
    double *dtau = (double *)(void *)(scratch + at->dtau);
    int64_t block = block_rows(s, k->n_parts);
    for (int64_t i = k->part * block; i < s->rows; i += k->n_parts * block) {
        int64_t rows = smaller(block, s->rows - i);
        product(t, rows, s->n, s->m, dy + i * s->m, scratch, da + i * s->n, room);
        for (int64_t row = i; row < i + rows; row++)
            dtau[row] = differentiate(a + row * s->n, s->n, tau, k->reals[0], !k->ints[0], da + row * s->n,
                                      g + row * s->n);
        if (dx)
            product(t, rows, s->d, s->n, da + i * s->n, scratch + at->keys, dx + i * s->d, room);
    }
}

/* c[slot, :] = the sum over rows of by[row, slot] x[row, :], for the part's share of n slots. */
static void sum_over_rows(const tfx_kernel_args *k, const tfx_cpu_tiles *t, const sizes *s, const float *by,
                          const float *x, int64_t cols, float *c)
{
    uint32_t *room = (uint32_t *)k->part_scratch, *packed = room + s->block * DEPTH;
    int64_t n = s->n, per_part = round_up((n + k->n_parts - 1) / k->n_parts, TFX_CPU_MAX_TILE_ROWS);
    int64_t begin = k->part * per_part, end = smaller(n, begin + per_part);
    for (int64_t l = 0; c && begin < end && l < s->rows; l += DEPTH) {
        int64_t steps = smaller(DEPTH, s->rows - l);
        tfx_cpu_pack_f32(x + l * cols, cols, 1, cols, steps, t->cols, 1, packed);
        for (int64_t i = begin; i < end; i += s->block) {
            int64_t slots = smaller(s->block, end - i);
            tfx_cpu_pack_f32(by + l * n + i, n, 1, slots, steps, t->rows, 0, room);
            multiply(t, slots, cols, steps, room, packed, steps * t->cols, c + i * cols, cols, l > 0);
        }
    }
}

void pattention_grad_run(const tfx_kernel_args *k, const tfx_cpu_tiles *t)
{
    sizes s = sizes_of(k->in_info);
    shared at = lay_out(&s);
    uint32_t *scratch = (uint32_t *)k->scratch;
    if (k->phase == 0) {
        pack_share(k, t, (const float *)k->in[2], s.m, 0, s.n, s.m, scratch);
        if (k->outs[0])
            pack_share(k, t, (const float *)k->in[1], s.d, 1, s.d, s.n, scratch + at.keys);
    } else if (k->phase == 1) {
        differentiate_rows(k, t, &s, &at);
    } else {
        sum_over_rows(k, t, &s, (const float *)(scratch + at.da), (const float *)k->in[0], s.d, (float *)k->outs[1]);
        sum_over_rows(k, t, &s, (const float *)(scratch + at.g), (const float *)k->in[5], s.m, (float *)k->outs[2]);
        const double *parts = (const double *)(const void *)(scratch + at.dtau);
        double dtau = 0;
        for (int64_t row = 0; k->part == 0 && k->outs[3] && row < s.rows; row++)
            dtau += parts[row];
        if (k->part == 0 && k->outs[3])
            *(float *)k->outs[3] = (float)dtau;
    }
}

/* ---- for this processor ---- */

#if defined(__x86_64__)

static const tfx_cpu_tiles *fastest_tiles(void)
{
    return __builtin_cpu_supports("avx512f")                                 ? &tfx_cpu_tiles_avx512
           : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &tfx_cpu_tiles_avx2
                                                                             : &tfx_cpu_tiles_plain;
}

static void run(const tfx_kernel_args *args)
{
    pattention_run(args, fastest_tiles());
}

static void grad_run(const tfx_kernel_args *args)
{
    pattention_grad_run(args, fastest_tiles());
}

static const tfx_kernel forward = {sizeof(tfx_kernel), "cpu", run, 2, pattention_scratch, pattention_part_scratch};
static const tfx_kernel backward = {sizeof(tfx_kernel),          "cpu", grad_run, 3, pattention_grad_scratch,
                                    pattention_grad_part_scratch};
const tfx_kernel *const pattention_kernels[] = {&forward, NULL};
const tfx_kernel *const pattention_grad_kernels[] = {&backward, NULL};

#else

const tfx_kernel *const pattention_kernels[] = {NULL};
const tfx_kernel *const pattention_grad_kernels[] = {NULL};

#endif
