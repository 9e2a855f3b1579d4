/* Matrix products by OpenBLAS's sgemm. Of bf16 operands blocks are made f32 in scratch memory, which costs no more than a few
 * hundredths of the product, since a block of a is used for BLOCK_N columns and a block of b for BLOCK_M rows. */
#include "simd.h"

#include "gemm.h"
#include "kernels.h"
#include "vmath.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_M = 960, BLOCK_N = 512, BLOCK_K = 512 };

TFX_CPU_CLONES static void widen_rows(int64_t rows, int64_t cols, const uint16_t *x, int64_t ld, float *out)
{
    for (int64_t i = 0; i < rows; i++) {
        TFX_CPU_IVDEP
        for (int64_t j = 0; j < cols; j++)
            out[i * cols + j] = vm_float((uint32_t)x[i * ld + j] << 16);
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

static int64_t elements_a(int64_t m, int64_t k)
{
    return (int64_t)tfx_cpu_round_up((uint64_t)(tfx_cpu_min(m, BLOCK_M) * tfx_cpu_min(k, BLOCK_K)), 16);
}

static uint64_t scratch_bytes(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k)
{
    (void)g;
    int64_t b = tfx_cpu_min(k, BLOCK_K) * tfx_cpu_min(n, BLOCK_N);
    return bf16 ? tfx_cpu_round_up((uint64_t)(elements_a(m, k) + b) * sizeof(float), 64) : 0;
}

static void sgemm(const tfx_cpu_matmul *p, int64_t rows, int64_t cols, int64_t depth, const float *a, int64_t lda,
                  const float *b, int64_t ldb, float beta, float *c)
{
    cblas_sgemm(CblasRowMajor, p->trans_a ? CblasTrans : CblasNoTrans, p->trans_b ? CblasTrans : CblasNoTrans,
                (blasint)rows, (blasint)cols, (blasint)depth, p->alpha, a, (blasint)lda, b, (blasint)ldb, beta, c,
                (blasint)p->ldc);
}

static void multiply_bf16(const tfx_cpu_matmul *p, float *scratch)
{
    float *wide_a = scratch, *wide_b = wide_a + elements_a(p->m, p->k);
    for (int64_t l = 0; l < p->k; l += BLOCK_K)
        for (int64_t j = 0; j < p->n; j += BLOCK_N) {
            int64_t depth = tfx_cpu_min(BLOCK_K, p->k - l), cols = tfx_cpu_min(BLOCK_N, p->n - j);
            widen_block(p->trans_b, l, j, depth, cols, p->b, p->ldb, wide_b);
            for (int64_t i = 0; i < p->m; i += BLOCK_M) {
                int64_t rows = tfx_cpu_min(BLOCK_M, p->m - i);
                widen_block(p->trans_a, i, l, rows, depth, p->a, p->lda, wide_a);
                sgemm(p, rows, cols, depth, wide_a, p->trans_a ? rows : depth, wide_b, p->trans_b ? depth : cols,
                      l ? 1.0f : p->beta, p->c + i * p->ldc + j);
            }
        }
}

static void multiply(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch)
{
    (void)g;
    tfx_cpu_copy_from(p);
    if (p->bf16)
        multiply_bf16(p, scratch);
    else
        sgemm(p, p->m, p->n, p->k, p->a, p->lda, p->b, p->ldb, p->beta, p->c);
}

static int is_there(void)
{
    return 1;
}

/* "OpenBLAS 0.3.21 (Cooperlake)" */
static void describe(char *text, size_t size)
{
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." */
    config += strncmp(config, "OpenBLAS ", 9) == 0 ? 9 : 0;
    snprintf(text, size, "OpenBLAS %.*s (%s)", (int)strcspn(config, " "), config, openblas_get_corename());
}

const tfx_cpu_gemm tfx_cpu_openblas = {"openblas", is_there, multiply, scratch_bytes, .describe = describe};
