/* The product of one row with a matrix, as when a token is generated: bound by reading the matrix, which is therefore not
 * packed. How columns are divided between tasks changes no bit. */
#include "simd.h"

#include "gemm.h"
#include "kernels.h"
#include "vmath.h"

#define SAME(x) (x)
#define WIDENED(x) vm_float((uint32_t)(x) << 16)

/* c = alpha * a op(b) + beta * from, for b of `type`, whose elements VALUE makes f32. Of a transposed b every row is a
 * dot product; or else its rows are added up. */
#define GEMV(name, type, VALUE) \
    TFX_CPU_CLONES static void name##_dots(const tfx_cpu_matmul *p, const float *a) \
    { \
        for (int64_t j = 0; j < p->n; j++) { \
            const type *row = (const type *)p->b + j * p->ldb; \
            TFX_CPU_SUM(sum, float, l, p->k, a[l] * VALUE(row[l])) \
            p->c[j] = p->alpha * (float)sum + (p->beta == 0.0f ? 0.0f : p->beta * p->from[j]); \
        } \
    } \
\
    TFX_CPU_CLONES static void name##_rows(const tfx_cpu_matmul *p, const float *a) \
    { \
        enum { COLS = 256 }; \
        for (int64_t j = 0; j < p->n; j += COLS) { \
            float sum[COLS] = {0}; \
            int64_t cols = tfx_cpu_min(COLS, p->n - j); \
            for (int64_t l = 0; l < p->k; l++) { \
                const type *row = (const type *)p->b + l * p->ldb + j; \
                TFX_CPU_IVDEP \
                for (int64_t i = 0; i < cols; i++) \
                    sum[i] += a[l] * VALUE(row[i]); \
            } \
            for (int64_t i = 0; i < cols; i++) \
                p->c[j + i] = p->alpha * sum[i] + (p->beta == 0.0f ? 0.0f : p->beta * p->from[j + i]); \
        } \
    } \
\
    static void name(const tfx_cpu_matmul *p, float *a) \
    { \
        for (int64_t l = 0; l < p->k; l++) \
            a[l] = VALUE(((const type *)p->a)[p->trans_a ? l * p->lda : l]); \
        (p->trans_b ? name##_dots : name##_rows)(p, a); \
    }

GEMV(gemv_f32, float, SAME)
GEMV(gemv_bf16, uint16_t, WIDENED)

void tfx_cpu_gemv(const tfx_cpu_matmul *p, float *scratch)
{
    (p->bf16 ? gemv_bf16 : gemv_f32)(p, scratch);
}

uint64_t tfx_cpu_gemv_scratch(int64_t k)
{
    return tfx_cpu_round_up((uint64_t)k * sizeof(float), 64);
}
