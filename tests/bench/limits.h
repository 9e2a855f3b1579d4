/* What a processor can do at most: multiply-adds of f32 and of bf16, and reading memory, on all threads at once. */
#ifndef TFX_BENCH_LIMITS_H
#define TFX_BENCH_LIMITS_H

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "framework/base/clock.h"

/* `N` sums of vectors of `BYTES` bytes: enough of them that one need not wait for another, few enough for the registers.
 * The compiler must not know the factors, or it would compute the result. */
#define LIMITS_FMA(NAME, TARGET, BYTES, N) \
    TARGET static float NAME(int64_t turns) \
    { \
        typedef float vec __attribute__((vector_size(BYTES))); \
        vec sum[N] = {0}, x = {0}, y = {0}; \
        __asm__ volatile("" : "+m"(x), "+m"(y)); \
        for (int64_t i = 0; i < turns; i++) \
            _Pragma("GCC unroll 32") for (int k = 0; k < N; k++) sum[k] = sum[k] * x + y; \
        float all = 0; \
        for (int k = 0; k < N; k++) \
            all += sum[k][0]; \
        return all; \
    }

#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#if defined(__x86_64__)
LIMITS_FMA(limits_fma_512, __attribute__((target("avx512f"))), 64, 24)
LIMITS_FMA(limits_fma_256, __attribute__((target("avx2,fma"))), 32, 12)
#endif
LIMITS_FMA(limits_fma_128, , 16, 12)
#pragma GCC pop_options

#if defined(__x86_64__)
/* Pairs of bf16, whose products are added to sums of f32. */
__attribute__((target("avx512f,avx512bf16"))) static float limits_pairs(int64_t turns)
{
    __m512 sum[24] = {0};
    __m512i x = _mm512_setzero_si512();
    __asm__ volatile("" : "+m"(x));
    for (int64_t i = 0; i < turns; i++) {
        _Pragma("GCC unroll 24") for (int k = 0; k < 24; k++)
            sum[k] = _mm512_dpbf16_ps(sum[k], (__m512bh)x, (__m512bh)x);
        _Pragma("GCC unroll 24") for (int k = 0; k < 24; k++) __asm__ volatile("" : "+v"(sum[k]));
    }
    float all = 0;
    _Pragma("GCC unroll 24") for (int k = 0; k < 24; k++) all += sum[k][0];
    return all;
}
#endif

typedef struct limits_job {
    pthread_t thread;
    int bf16;          /* multiply-adds of it, which the processor has */
    double flops;      /* that were done */
    const char *bytes; /* that are read; NULL: multiply-adds */
    uint64_t n;
    volatile float result; /* so that it is computed */
} limits_job;

static inline void *limits_multiply(void *arg)
{
    limits_job *j = arg;
    const int64_t turns = 2000000;
#if defined(__x86_64__)
    if (j->bf16) {
        j->result = limits_pairs(turns);
        j->flops = 4.0 * 16 * 24 * (double)turns;
        return NULL;
    }
    if (__builtin_cpu_supports("avx512f")) {
        j->result = limits_fma_512(turns);
        j->flops = 2.0 * 16 * 24 * (double)turns;
        return NULL;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        j->result = limits_fma_256(turns);
        j->flops = 2.0 * 8 * 12 * (double)turns;
        return NULL;
    }
#endif
    j->result = limits_fma_128(turns);
    j->flops = 2.0 * 4 * 12 * (double)turns;
    return NULL;
}

static inline void *limits_read(void *arg)
{
    limits_job *j = arg;
    uint64_t sum[8] = {0};
    const uint64_t *x = (const uint64_t *)(const void *)j->bytes;
    for (uint64_t i = 0; i + 8 <= j->n / 8; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += x[i + (uint64_t)k];
    j->result = (float)(sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7]);
    return NULL;
}

/* Runs one job on each thread, and gives the seconds that all of them took. */
static inline double limits_run(void *(*work)(void *), limits_job *jobs, int threads)
{
    double start = tfx_now();
    for (int i = 1; i < threads; i++)
        if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i]))
            abort();
    work(&jobs[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(jobs[i].thread, NULL);
    return tfx_now() - start;
}

static inline double limits_flops_of(int threads, int bf16)
{
    limits_job *jobs = calloc((size_t)threads, sizeof(*jobs));
    if (!jobs)
        abort();
    for (int i = 0; i < threads; i++)
        jobs[i].bf16 = bf16;
    double seconds = limits_run(limits_multiply, jobs, threads), flops = 0;
    for (int i = 0; i < threads; i++)
        flops += jobs[i].flops;
    free(jobs);
    return flops / seconds;
}

/* FLOP/s, measured now, in some hundredths of a second. Of bf16 those of f32 where the processor multiplies only these, or these faster. */
static inline double limits_flops(int threads, int bf16)
{
    double most = limits_flops_of(threads, 0);
    (void)bf16; /* elsewhere */
#if defined(__x86_64__)
    if (bf16 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16"))
        most = fmax(most, limits_flops_of(threads, 1));
#endif
    return most;
}

/* Bytes a second that are read from memory: 128 MB on each thread, the best of a few rounds. */
static inline double limits_bandwidth(int threads)
{
    const uint64_t each = (uint64_t)128 << 20;
    limits_job *jobs = calloc((size_t)threads, sizeof(*jobs));
    char *data = malloc(each * (uint64_t)threads);
    if (!jobs || !data)
        abort();
    for (uint64_t i = 0; i < each * (uint64_t)threads; i += 512)
        data[i] = (char)i; /* pages of their own */
    for (int i = 0; i < threads; i++) {
        jobs[i].bytes = data + each * (uint64_t)i;
        jobs[i].n = each;
    }
    double least = INFINITY;
    for (int round = 0; round < 5; round++)
        least = fmin(least, limits_run(limits_read, jobs, threads));
    free(data);
    free(jobs);
    return (double)each * threads / least;
}

#endif
