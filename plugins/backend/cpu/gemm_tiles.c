/* The innermost loops of matrix products, in portable C and for the instructions of x86-64 processors. Which of these a processor
 * has is asked at run time: see gemm.c. */
#include "simd.h"

#include "gemm_tiles.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Some columns of row i of a tile. */
static void tile_row_part(const float *s, int64_t i, const tfx_cpu_tile_out *out)
{
    for (int64_t j = 0; j < out->cols; j++) {
        int64_t at = i * out->ldc + j;
        out->c[at] = out->from ? fmaf(out->alpha, s[j], out->from[at]) : out->alpha * s[j];
    }
}

/* ---- portable C: what the others are tested against ---- */

enum { PLAIN_COLS = 8 };

static void plain_1(int64_t steps, const uint32_t *a, const uint32_t *b, const tfx_cpu_tile_out *out)
{
    float s[PLAIN_COLS] = {0}, x[PLAIN_COLS], y;
    for (int64_t l = 0; l < steps; l++) {
        memcpy(&y, a + l, sizeof(y));
        memcpy(x, b + l * PLAIN_COLS, sizeof(x));
        for (int j = 0; j < PLAIN_COLS; j++)
            s[j] = fmaf(y, x[j], s[j]);
    }
    tile_row_part(s, 0, out);
}

static const tfx_cpu_gemm_tile plain_table[] = {plain_1};
const tfx_cpu_tiles tfx_cpu_tiles_plain = {1, PLAIN_COLS, 0, plain_table};

/* ---- x86-64 ---- */

#if defined(__x86_64__)

#define SIX(F) F(1) F(2) F(3) F(4) F(5) F(6)
#define TWELVE(F) SIX(F) F(7) F(8) F(9) F(10) F(11) F(12)

#define STEP_F32(s, a, b) (s) = TILE_FMA(TILE_SPREAD(float_at(a)), b, s)

static inline float float_at(const uint32_t *x)
{
    float y;
    memcpy(&y, x, sizeof(y));
    return y;
}

#define TILE avx2
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_BYTES 32
#define TILE_FMA _mm256_fmadd_ps
#define TILE_SPREAD _mm256_set1_ps
#define TILE_VECS 2
#define TILE_OPERAND avx2_vec
#define TILE_STEP STEP_F32
#define TILE_HEIGHTS SIX
#include "gemm_tile_tmpl.h"
const tfx_cpu_tiles tfx_cpu_tiles_avx2 = {6, 16, 0, avx2_table};

#define TILE avx512
#define TILE_TARGET __attribute__((target("avx512f")))
#define TILE_BYTES 64
#define TILE_FMA _mm512_fmadd_ps
#define TILE_SPREAD _mm512_set1_ps
#define TILE_VECS 2
#define TILE_OPERAND avx512_vec
#define TILE_STEP STEP_F32
#define TILE_HEIGHTS TWELVE
#include "gemm_tile_tmpl.h"
const tfx_cpu_tiles tfx_cpu_tiles_avx512 = {12, 32, 0, avx512_table};

#define STEP_PAIRS(s, a, b) (s) = _mm512_dpbf16_ps(s, (__m512bh)_mm512_set1_epi32((int)*(a)), b)

#define TILE avx512_bf16
#define TILE_TARGET __attribute__((target("avx512f,avx512bf16")))
#define TILE_BYTES 64
#define TILE_FMA _mm512_fmadd_ps
#define TILE_SPREAD _mm512_set1_ps
#define TILE_VECS 2
#define TILE_OPERAND __m512bh
#define TILE_STEP STEP_PAIRS
#define TILE_HEIGHTS TWELVE
#include "gemm_tile_tmpl.h"
const tfx_cpu_tiles tfx_cpu_tiles_avx512_bf16 = {12, 32, 1, avx512_bf16_table};

#endif
