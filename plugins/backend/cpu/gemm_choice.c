/* Who computes matrix products: which levels there are, and which of them is the fastest here. */
#include "gemm_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static int has_plain(void)
{
    return 1;
}

#define OWN(name, usable, f32, bf16) \
    { \
        name, usable, tfx_cpu_multiply_by_blocks, tfx_cpu_blocks_scratch, &(f32), &(bf16) \
    }

static const tfx_cpu_gemm plain = OWN("plain", has_plain, tfx_cpu_tiles_plain, tfx_cpu_tiles_plain);

#if defined(__x86_64__)
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") != 0;
}

static int has_avx512_bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/* Products of bf16 matrices by hardware of their own. */
static int has_amx(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 22 & 1;
}

static const tfx_cpu_gemm avx2 = OWN("avx2", has_avx2, tfx_cpu_tiles_avx2, tfx_cpu_tiles_avx2);
const tfx_cpu_gemm tfx_cpu_avx512 = OWN("avx512", has_avx512, tfx_cpu_tiles_avx512, tfx_cpu_tiles_avx512);
static const tfx_cpu_gemm avx512_bf16 = OWN("avx512_bf16", has_avx512_bf16, tfx_cpu_tiles_avx512,
                                            tfx_cpu_tiles_avx512_bf16);
#endif

const tfx_cpu_gemm *const tfx_cpu_gemms[] = {&plain,
#if defined(__x86_64__)
                                             &avx2,
                                             &tfx_cpu_avx512,
                                             &avx512_bf16,
                                             &tfx_cpu_onednn,
#endif
                                             &tfx_cpu_openblas,
                                             NULL};

#if defined(__x86_64__)
/* Seconds for a product of bf16 operands: the best of a few times. */
static double bf16_seconds(const tfx_cpu_gemm *g)
{
    enum { SIZE = 192, TIMES = 5 };
    static const _Alignas(64) uint16_t zeros[SIZE * SIZE]; /* they take as long as anything else */
    uint64_t c_bytes = SIZE * SIZE * sizeof(float);
    char *memory = aligned_alloc(64, c_bytes + tfx_cpu_multiply_scratch(g, 1, SIZE, SIZE, SIZE));
    double best = INFINITY;
    for (int i = 0; memory && i < TIMES; i++) {
        tfx_cpu_matmul p = {1,    0,    0,   SIZE, SIZE, SIZE, 1.0f, 0.0f, zeros, zeros, NULL, (float *)(void *)memory,
                            SIZE, SIZE, SIZE};
        double start = tfx_cpu_seconds();
        tfx_cpu_multiply(g, &p, memory + c_bytes);
        best = fmin(best, tfx_cpu_seconds() - start);
    }
    free(memory);
    return best;
}

static const tfx_cpu_gemm *fastest(void)
{
    if (!tfx_cpu_avx512.usable())
        return avx2.usable() ? &avx2 : &tfx_cpu_openblas;
    /* All three compute f32 alike. That there are instructions for bf16 does not mean that they are faster than making operands f32: on a
     * Zen 4 they are, nearly twice, and on one Intel server processor they are slower. */
    const tfx_cpu_gemm *best = &tfx_cpu_avx512, *others[] = {&avx512_bf16, has_amx() ? &tfx_cpu_onednn : &avx512_bf16};
    double least = bf16_seconds(best);
    for (int i = 0; i < 2; i++) {
        double seconds = others[i]->usable() ? bf16_seconds(others[i]) : INFINITY;
        if (seconds * 4 / 3 < least)
            best = others[i], least = seconds;
    }
    return best;
}
#else
static const tfx_cpu_gemm *fastest(void)
{
    return &tfx_cpu_openblas;
}
#endif

const tfx_cpu_gemm *tfx_cpu_gemm_named(const char *name)
{
    if (!strcmp(name, "auto"))
        return fastest();
    for (const tfx_cpu_gemm *const *g = tfx_cpu_gemms; *g; g++)
        if (!strcmp((*g)->name, name))
            return *g;
    return NULL;
}
