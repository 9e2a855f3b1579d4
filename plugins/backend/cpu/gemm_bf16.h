/* Matrix products of bf16 operands. */
#ifndef TFX_CPU_GEMM_BF16_H
#define TFX_CPU_GEMM_BF16_H

#include <stdint.h>

/* c[m, n] = alpha * op(a) op(b) + beta * c, with op(x) x or, when ta or tb, its transpose; rows are lda, ldb and ldc
 * elements apart. Products of two bf16 are exact in f32, and sums are f32. Where c lies has no influence
 * when beta is 0. `scratch` has tfx_cpu_gemm_bf16_scratch bytes, 64-byte aligned. */
void tfx_cpu_gemm_bf16(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t *a, int64_t lda,
                       const uint16_t *b, int64_t ldb, float beta, float *c, int64_t ldc, void *scratch);
/* For products of at most m by n with k terms. */
uint64_t tfx_cpu_gemm_bf16_scratch(int64_t m, int64_t n, int64_t k);

#endif
