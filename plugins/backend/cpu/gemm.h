/* Matrix products of one thread, and who computes them.
 *
 * Every own level adds up in the same order: an element of the result is the sum over blocks of terms, and a block is a
 * chain of fused multiply-adds, which begins with 0 and takes its terms one after the other (pairs of bf16 with the second
 * first, as VDPBF16PS does). What instructions do it, how rows and columns are divided between tasks, and where an
 * element lies therefore changes no bit. (One exception: AVX512-BF16 takes denormal bf16 as 0 and gives no denormal sums.) */
#ifndef TFX_CPU_GEMM_H
#define TFX_CPU_GEMM_H

#include <stddef.h>
#include <stdint.h>

/* c[m, n] = alpha * op(a) op(b) + beta * from, with op(x) x or, when trans says so, its transpose. Rows of a, b and c are
 * lda, ldb and ldc elements apart; those of `from` ldc. Sums are f32. */
typedef struct tfx_cpu_matmul {
    int bf16; /* a and b are; or else f32 */
    int trans_a, trans_b;
    int64_t m, n, k;
    float alpha, beta;
    const void *a, *b;
    const float *from; /* may be c; has no influence when beta is 0 */
    float *c;          /* what is in it has no influence unless it is `from`, too */
    int64_t lda, ldb, ldc;
} tfx_cpu_matmul;

typedef struct tfx_cpu_gemm tfx_cpu_gemm;
struct tfx_cpu_gemm {
    const char *name;
    int (*usable)(void); /* on this processor */
    /* m, n and k are at least 1; `scratch` has scratch_bytes(...) bytes and is 64-byte aligned. */
    void (*multiply)(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch);
    /* For products of at most m by n with at most k terms; a multiple of 64. */
    uint64_t (*scratch_bytes)(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k);
    const struct tfx_cpu_tiles *f32, *bf16; /* own levels: gemm_tiles.h */
    int bf16_whole; /* tiles of bf16 are for attention only: products of bf16 operands are `multiply`'s */
    void (*describe)(char *text, size_t size); /* in words; NULL: "NAME kernels" */
};

/* From the plainest to the fastest, then OpenBLAS; ends with NULL. The first, portable C, is what the others are tested
 * against. */
extern const tfx_cpu_gemm *const tfx_cpu_gemms[];
extern const tfx_cpu_gemm tfx_cpu_openblas; /* gemm_openblas.c */
#if defined(__x86_64__)
extern const tfx_cpu_gemm tfx_cpu_avx512;
extern const tfx_cpu_gemm tfx_cpu_onednn; /* gemm_onednn.c */
#endif

/* The one of that name; for "auto" the fastest of this processor, which is never portable C: its fused
 * multiply-add may be a function of the C library. NULL if there is none. (gemm_choice.c) */
const tfx_cpu_gemm *tfx_cpu_gemm_named(const char *name);

/* Any product, also of no terms, rows or columns; scratch for those of at most m by n with at most k terms. */
void tfx_cpu_multiply(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch);
uint64_t tfx_cpu_multiply_scratch(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k);

/* c = from, if beta asks for it and they are not one: for libraries that add to c. */
void tfx_cpu_copy_from(const tfx_cpu_matmul *p);

/* The product of one row with a matrix, whoever else computes products: reading b bounds it (gemv.c). Its order
 * of additions is another, so that whoever divides the rows of a matrix uses it for none or all of them. */
void tfx_cpu_gemv(const tfx_cpu_matmul *p, float *scratch);
uint64_t tfx_cpu_gemv_scratch(int64_t k);

#endif
