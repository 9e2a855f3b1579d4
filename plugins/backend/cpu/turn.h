/* Turning matrices of 32-bit elements around, four by four. Include after simd.h. */
#ifndef TFX_CPU_TURN_H
#define TFX_CPU_TURN_H

#include <stdint.h>
#include <string.h>

typedef uint32_t tfx_cpu_quad __attribute__((vector_size(16)));

TFX_CPU_INLINE tfx_cpu_quad tfx_cpu_load_quad(const void *at)
{
    tfx_cpu_quad x;
    memcpy(&x, at, sizeof(x));
    return x;
}

TFX_CPU_INLINE void tfx_cpu_store_quad(uint32_t *at, tfx_cpu_quad x)
{
    memcpy(at, &x, sizeof(x));
}

/* Four steps of four lines, line i at x[i], to rows of four, `width` elements apart. */
TFX_CPU_INLINE void tfx_cpu_turn(const char *const *x, uint32_t *out, int64_t width)
{
    tfx_cpu_quad a = tfx_cpu_load_quad(x[0]), b = tfx_cpu_load_quad(x[1]), c = tfx_cpu_load_quad(x[2]),
                 d = tfx_cpu_load_quad(x[3]);
    tfx_cpu_quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    tfx_cpu_quad ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    tfx_cpu_store_quad(out, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
    tfx_cpu_store_quad(out + width, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
    tfx_cpu_store_quad(out + 2 * width, __builtin_shufflevector(ef, gh, 0, 1, 4, 5));
    tfx_cpu_store_quad(out + 3 * width, __builtin_shufflevector(ef, gh, 2, 3, 6, 7));
}

#endif
