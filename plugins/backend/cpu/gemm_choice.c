/* Who computes matrix products: which levels there are, and which of them is the fastest here. */
#include "gemm_blocks.h"

#include <math.h>
#include <string.h>

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

static const tfx_cpu_gemm avx2 = OWN("avx2", has_avx2, tfx_cpu_tiles_avx2, tfx_cpu_tiles_avx2);
static const tfx_cpu_gemm avx512 = OWN("avx512", has_avx512, tfx_cpu_tiles_avx512, tfx_cpu_tiles_avx512);
static const tfx_cpu_gemm avx512_bf16 = OWN("avx512_bf16", has_avx512_bf16, tfx_cpu_tiles_avx512,
                                            tfx_cpu_tiles_avx512_bf16);
#endif

const tfx_cpu_gemm *const tfx_cpu_gemms[] = {&plain,
#if defined(__x86_64__)
                                             &avx2,
                                             &avx512,
                                             &avx512_bf16,
#endif
                                             &tfx_cpu_openblas,
                                             NULL};

/* Seconds for some steps of the tallest tile, from operands in the first-level cache: the best of a few times. */
static double tile_seconds(const tfx_cpu_tiles *t)
{
    enum { STEPS = 256, TURNS = 8, TIMES = 16, MOST = 32 };
    static const _Alignas(64) uint32_t operand[STEPS * MOST]; /* zeros take as long as anything else */
    float c[TFX_CPU_MAX_TILE_ROWS * MOST];
    const tfx_cpu_tile_out out = {.c = c, .ldc = t->cols, .cols = t->cols, .alpha = 1.0f};
    double best = INFINITY;
    for (int i = 0; i < TIMES; i++) {
        double start = tfx_cpu_seconds();
        for (int k = 0; k < TURNS; k++)
            t->tile[t->rows - 1](STEPS, operand, operand, &out);
        best = fmin(best, tfx_cpu_seconds() - start);
    }
    return best;
}

/* Whether multiplying pairs of bf16 is faster than making them f32 first. A step of pairs has twice the terms. On a Zen 4 it takes as long as
 * one of f32; there are processors where it takes two or four times as long. */
static int pairs_pay(const tfx_cpu_gemm *g)
{
    return !g->bf16->pairs || tile_seconds(g->bf16) < 1.5 * tile_seconds(g->f32);
}

const tfx_cpu_gemm *tfx_cpu_gemm_named(const char *name)
{
    const tfx_cpu_gemm *best = &tfx_cpu_openblas;
    for (const tfx_cpu_gemm *const *g = tfx_cpu_gemms; *g; g++) {
        if (!strcmp((*g)->name, name))
            return *g;
        if (!strcmp(name, "auto") && *g != &plain && *g != &tfx_cpu_openblas && (*g)->usable() && pairs_pay(*g))
            best = *g;
    }
    return strcmp(name, "auto") ? NULL : best;
}
