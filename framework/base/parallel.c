#include "framework/base/parallel.h"

#include <pthread.h>
#include <sched.h>

#define MAX_THREADS 64

typedef struct range {
    void (*work)(void *ctx, uint64_t first, uint64_t n);
    void *ctx;
    uint64_t first, n;
} range;

static void *run_range(void *p)
{
    const range *r = p;
    r->work(r->ctx, r->first, r->n);
    return NULL;
}

int tfx_usable_cores(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);
}

void tfx_parallel_ranges(uint64_t total, uint64_t grain, void (*work)(void *ctx, uint64_t first, uint64_t n), void *ctx)
{
    uint64_t n = (uint64_t)tfx_usable_cores();
    if (n > MAX_THREADS)
        n = MAX_THREADS;
    if (n > total / grain)
        n = total / grain ? total / grain : 1;
    pthread_t threads[MAX_THREADS];
    range ranges[MAX_THREADS];
    int started[MAX_THREADS] = {0};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t first = total / n * i, end = i + 1 == n ? total : total / n * (i + 1);
        ranges[i] = (range){work, ctx, first, end - first};
        started[i] = i && !pthread_create(&threads[i], NULL, run_range, &ranges[i]);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            run_range(&ranges[i]); /* the first, and any that found no thread */
    }
}
