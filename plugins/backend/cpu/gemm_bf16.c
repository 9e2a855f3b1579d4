/* Blocks of both operands are made f32 in scratch memory, for OpenBLAS's sgemm. That costs no more than a few hundredths
 * of the product, since a block of a is used for BLOCK_N columns and a block of b for BLOCK_M rows; what is
 * gained over f32 is memory. A single row, as when a token is generated, is bound by reading b, and goes without. */
#include "simd.h"

#include "gemm_bf16.h"
#include "kernels.h"

#include <cblas.h>

/* Rows are blocked where the caller may cut them without changing a bit: see matmul.c. */
enum { BLOCK_M = 960, BLOCK_N = 512, BLOCK_K = 512 };

TFX_CPU_INLINE float widen(uint16_t x)
{
    union {
        uint32_t bits;
        float value;
    } u = {.bits = (uint32_t)x << 16};
    return u.value;
}

TFX_CPU_CLONES static void widen_rows(int64_t rows, int64_t cols, const uint16_t *x, int64_t ld, float *out)
{
    for (int64_t i = 0; i < rows; i++) {
        TFX_CPU_IVDEP
        for (int64_t j = 0; j < cols; j++)
            out[i * cols + j] = widen(x[i * ld + j]);
    }
}

/* Block (row, col) of op(x), as it is stored. */
static void widen_block(int trans, int64_t row, int64_t col, int64_t rows, int64_t cols, const uint16_t *x, int64_t ld,
                        float *out)
{
    if (trans)
        widen_rows(cols, rows, x + col * ld + row, ld, out);
    else
        widen_rows(rows, cols, x + row * ld + col, ld, out);
}

/* c = alpha * b a + beta * c: a dot product for each row of b. */
TFX_CPU_CLONES static void dots(int64_t n, int64_t k, float alpha, const float *a, const uint16_t *b, int64_t ldb,
                                float beta, float *c)
{
    for (int64_t j = 0; j < n; j++) {
        const uint16_t *row = b + j * ldb;
        TFX_CPU_SUM(sum, float, l, k, a[l] * widen(row[l]))
        c[j] = alpha * (float)sum + (beta == 0.0f ? 0.0f : beta * c[j]);
    }
}

/* c = alpha * a b + beta * c: rows of b are added up. */
TFX_CPU_CLONES static void combination(int64_t n, int64_t k, float alpha, const float *a, const uint16_t *b,
                                       int64_t ldb, float beta, float *c)
{
    enum { COLS = 256 };
    for (int64_t j = 0; j < n; j += COLS) {
        float sum[COLS] = {0};
        int64_t cols = tfx_cpu_min(COLS, n - j);
        for (int64_t l = 0; l < k; l++) {
            const uint16_t *row = b + l * ldb + j;
            TFX_CPU_IVDEP
            for (int64_t i = 0; i < cols; i++)
                sum[i] += a[l] * widen(row[i]);
        }
        for (int64_t i = 0; i < cols; i++)
            c[j + i] = alpha * sum[i] + (beta == 0.0f ? 0.0f : beta * c[j + i]);
    }
}

static int64_t elements_a(int64_t m, int64_t k)
{
    return (int64_t)tfx_cpu_round_up((uint64_t)(tfx_cpu_min(m, BLOCK_M) * tfx_cpu_min(k, BLOCK_K)), 16);
}

uint64_t tfx_cpu_gemm_bf16_scratch(int64_t m, int64_t n, int64_t k)
{
    int64_t b = tfx_cpu_min(k, BLOCK_K) * tfx_cpu_min(n, BLOCK_N);
    return tfx_cpu_round_up((uint64_t)tfx_cpu_max(m == 1 ? k : 0, elements_a(m, k) + b) * sizeof(float), 64);
}

void tfx_cpu_gemm_bf16(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t *a, int64_t lda,
                       const uint16_t *b, int64_t ldb, float beta, float *c, int64_t ldc, void *scratch)
{
    float *wide_a = scratch, *wide_b = wide_a + elements_a(m, k);
    if (m == 1) {
        widen_rows(ta ? k : 1, ta ? 1 : k, a, lda, wide_a);
        (tb ? dots : combination)(n, k, alpha, wide_a, b, ldb, beta, c);
        return;
    }
    for (int64_t l = 0; l < k; l += BLOCK_K)
        for (int64_t j = 0; j < n; j += BLOCK_N) {
            int64_t depth = tfx_cpu_min(BLOCK_K, k - l), cols = tfx_cpu_min(BLOCK_N, n - j);
            widen_block(tb, l, j, depth, cols, b, ldb, wide_b);
            for (int64_t i = 0; i < m; i += BLOCK_M) {
                int64_t rows = tfx_cpu_min(BLOCK_M, m - i);
                widen_block(ta, i, l, rows, depth, a, lda, wide_a);
                cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                            (blasint)rows, (blasint)cols, (blasint)depth, alpha, wide_a, (blasint)(ta ? rows : depth),
                            wide_b, (blasint)(tb ? depth : cols), l ? 1.0f : beta, c + i * ldc + j, (blasint)ldc);
            }
        }
}
