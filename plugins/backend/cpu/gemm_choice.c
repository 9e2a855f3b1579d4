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
/* What is compared takes turns, and the best of many counts: another program that disturbs some of them must not decide. */
enum { TIMES = 32 };

/* Seconds for some steps of the tallest tile, from operands in the first-level cache. */
static double tile_seconds(const tfx_cpu_tiles *t)
{
    enum { STEPS = 256, TURNS = 2, MOST = 32 };
    static const _Alignas(64) uint32_t operand[STEPS * MOST]; /* zeros take as long as anything else */
    float c[TFX_CPU_MAX_TILE_ROWS * MOST];
    const tfx_cpu_tile_out out = {.c = c, .ldc = t->cols, .cols = t->cols, .alpha = 1.0f};
    double start = tfx_cpu_seconds();
    for (int k = 0; k < TURNS; k++)
        t->tile[t->rows - 1](STEPS, operand, operand, &out);
    return tfx_cpu_seconds() - start;
}

/* Whether multiplying pairs of bf16 is faster than making them f32 first. A step of pairs has twice the terms. On a Zen 4 it takes as long as
 * one of f32; there are processors where it takes two or four times as long. */
static int pairs_pay(void)
{
    double pairs = INFINITY, singles = INFINITY;
    for (int i = 0; i < TIMES; i++) {
        pairs = fmin(pairs, tile_seconds(avx512_bf16.bf16));
        singles = fmin(singles, tile_seconds(avx512_bf16.f32));
    }
    return pairs < 1.5 * singles;
}

/* Seconds for a product of bf16 operands. */
static double product_seconds(const tfx_cpu_gemm *g)
{
    enum { SIZE = 128 };
    static const _Alignas(64) uint16_t zeros[SIZE * SIZE];
    uint64_t c_bytes = SIZE * SIZE * sizeof(float);
    char *memory = aligned_alloc(64, c_bytes + tfx_cpu_multiply_scratch(g, 1, SIZE, SIZE, SIZE));
    if (!memory)
        return INFINITY;
    tfx_cpu_matmul p = {.bf16 = 1, .m = SIZE, .n = SIZE, .k = SIZE, .alpha = 1.0f, .a = zeros, .b = zeros};
    p.c = (float *)(void *)memory;
    p.lda = p.ldb = p.ldc = SIZE;
    double start = tfx_cpu_seconds();
    tfx_cpu_multiply(g, &p, memory + c_bytes);
    double seconds = tfx_cpu_seconds() - start;
    free(memory);
    return seconds;
}

/* Whether oneDNN's bf16 products are faster than `own`: with AMX, by far. */
static int onednn_pays(const tfx_cpu_gemm *own)
{
    double theirs = INFINITY, ours = INFINITY;
    for (int i = 0; i < TIMES; i++) {
        theirs = fmin(theirs, product_seconds(&tfx_cpu_onednn));
        ours = fmin(ours, product_seconds(own));
    }
    return 1.5 * theirs < ours;
}

static const tfx_cpu_gemm *fastest(void)
{
    if (!tfx_cpu_avx512.usable())
        return avx2.usable() ? &avx2 : &tfx_cpu_openblas;
    /* All compute f32 alike. */
    const tfx_cpu_gemm *own = avx512_bf16.usable() && pairs_pay() ? &avx512_bf16 : &tfx_cpu_avx512;
    return has_amx() && tfx_cpu_onednn.usable() && onednn_pays(own) ? &tfx_cpu_onednn : own;
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
