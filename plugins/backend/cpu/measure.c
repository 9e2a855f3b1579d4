/* How fast matrix products are on this machine, now. */
#include "gemm.h"
#include "kernels.h"

#include <string.h>

enum { SIZE = 512, AT_ONCE = 4 };

typedef struct measure_job {
    const tfx_cpu_gemm *gemm;
    int bf16;
    const void *a, *b;
    float *c;      /* a matrix for each thread */
    char *scratch; /* as many areas */
    uint64_t stride;
} measure_job;

static void measure_task(void *arg, int64_t task, int worker)
{
    measure_job *j = arg;
    tfx_cpu_matmul product = {.bf16 = j->bf16,
                              .m = SIZE,
                              .n = SIZE,
                              .k = SIZE,
                              .alpha = 1.0f,
                              .a = j->a,
                              .b = j->b,
                              .c = j->c + task * SIZE * SIZE,
                              .lda = SIZE,
                              .ldb = SIZE,
                              .ldc = SIZE};
    tfx_cpu_multiply(j->gemm, &product, j->scratch + j->stride * (uint64_t)worker);
}

static double measure(tfx_backend *b, int bf16)
{
    const uint64_t n = (uint64_t)SIZE * SIZE;
    uint64_t numbers = (2 + (uint64_t)b->n_threads) * n * sizeof(float), mapped;
    uint64_t stride = tfx_cpu_multiply_scratch(b->gemm, bf16, SIZE, SIZE, SIZE) + 64;
    char *memory = tfx_cpu_map(numbers + stride * (uint64_t)b->n_threads, &mapped);
    if (!memory)
        return 0.0;
    float *data = (float *)(void *)memory;
    for (uint64_t i = 0; i < 2 * n; i++) {
        float x = (float)(i % 13) * 0.125f - 0.75f;
        uint32_t bits;
        memcpy(&bits, &x, sizeof(bits));
        bits |= bf16 ? bits >> 16 : 0; /* both halves are bf16 */
        memcpy(&data[i], &bits, sizeof(bits));
    }
    measure_job job = {b->gemm, bf16, data, data + n, data + 2 * n, memory + numbers, stride};
    double flops = 2.0 * SIZE * SIZE * SIZE * b->n_threads;
    tfx_cpu_pool_run(b->pool, b->n_threads, measure_task, &job); /* first touch, clock ramp-up */
    /* The best of several short runs: what the machine can do when nothing disturbs it. */
    double best = 0.0, start = tfx_cpu_seconds();
    do {
        double t = tfx_cpu_seconds();
        for (int i = 0; i < AT_ONCE; i++)
            tfx_cpu_pool_run(b->pool, b->n_threads, measure_task, &job);
        t = tfx_cpu_seconds() - t;
        if (t > 0 && AT_ONCE * flops / t > best)
            best = AT_ONCE * flops / t;
    } while (tfx_cpu_seconds() - start < 0.02);
    tfx_cpu_unmap(memory, mapped);
    return best;
}

double tfx_cpu_measure_flops(tfx_backend *b)
{
    return measure(b, 0);
}

double tfx_cpu_measure_bf16_flops(tfx_backend *b)
{
    return measure(b, 1);
}
