/* Pattention as one custom op (pattention_op.h) against the same in core ops, of which the backend fuses what is pointwise or on
 * rows: the forward pass alone, and with the gradients of input, keys and values. Both take turns; the ratio is the median over pairs.
 * Usage: bench_fused [THREADS [PAIRS]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "framework/conformance/bench.h"
#include "framework/graph/autodiff.h"
#include "framework/graph/builder.h"
#include "framework/plugin/calls/backend_calls.h"
#include "tests/bench/median.h"

enum { MOST_PAIRS = 199 };

static const struct {
    int64_t rows, d, n, m;
} sizes[] = {
    {2048, 64, 48, 64}, {2048, 64, 192, 64}, {4096, 256, 1024, 256}, {1024, 768, 768, 768}, {1024, 768, 3072, 768}};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes) };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The layer's graph for one of the sizes, in one op or in core ops. */
typedef struct subject {
    tfx_bench b;
    tfx_bench_program p;
} subject;

static tfx_value filled(tfx_bench *b, const char *name, uint32_t n_dims, int64_t rows, int64_t cols, double lo,
                        double hi)
{
    const int64_t dims[2] = {rows, cols};
    tfx_value v = tfx_bench_tensor(b, n_dims ? TFX_STATE_PARAM : TFX_STATE_INPUT, name, TFX_F32, n_dims, dims);
    tfx_bench_fill(b, tfx_bench_index(b, v), 3, lo, hi);
    return v;
}

static void subject_open(subject *s, const tfx_registry *registry, int size, int training, int fused, int threads,
                         tfx_error *err)
{
    tfx_bench *b = &s->b;
    tfx_builder builder;
    static const int both[2] = {0, 1};
    static const double eps = 1e-12;
    if (tfx_bench_open(b, registry, NULL, threads, err) != TFX_OK)
        return;
    tfx_bench_clear(b, training, fused);
    tfx_builder_for_graph(&builder, &b->g);
    tfx_value in[4] = {filled(b, "x", 2, sizes[size].rows, sizes[size].d, -1, 1),
                       filled(b, "key", 2, sizes[size].n, sizes[size].d, -1, 1),
                       filled(b, "value", 2, sizes[size].n, sizes[size].m, -1, 1), filled(b, "tau", 0, 1, 1, 8, 8)};
    tfx_value y[2], outputs[4] = {0};
    builder.custom_results(&builder, "tfx.pattention/1", 4, in, 0, NULL, 1, &eps, 2, y);
    outputs[0] = y[0];
    if (training) {
        tfx_value loss = builder.sum(&builder, builder.mul(&builder, y[0], y[0]), 2, both, 0);
        tfx_autodiff(&b->g, loss, 1, in, 3, outputs + 1);
    }
    if (tfx_bench_compile(b, &s->p, outputs, training ? 4 : 1, TFX_FUSE_ROWS) == TFX_OK)
        tfx_bench_execute(b, &s->p);
}

static double subject_seconds(subject *s, int times)
{
    double before = seconds();
    for (int i = 0; i < times; i++)
        tfx_call_backend_run(s->b.cls, s->p.exec, s->p.state, s->p.arena, s->b.err);
    return (seconds() - before) / times;
}

static double megabytes(const subject *s)
{
    const tfx_program *p = &s->p.placement->program;
    return (double)(p->arena_bytes + tfx_call_backend_workspace(s->b.cls, s->b.backend, p)) * 1e-6;
}

static void compare(const tfx_registry *registry, int size, int training, int threads, int pairs, tfx_error *err)
{
    static double core[MOST_PAIRS], fused[MOST_PAIRS], ratio[MOST_PAIRS];
    subject s[2] = {0};
    for (int k = 0; k < 2; k++)
        subject_open(&s[k], registry, size, training, k, threads, err);
    if (err->status != TFX_OK)
        return;
    int times = 1 + (int)(0.02 / subject_seconds(&s[0], 2));
    subject_seconds(&s[1], times);
    for (int i = 0; i < pairs; i++) {
        core[i] = subject_seconds(&s[0], times);
        fused[i] = subject_seconds(&s[1], times);
        ratio[i] = fused[i] / core[i];
    }
    double flops = 2.0 * (double)sizes[size].rows * (double)sizes[size].n * (double)(sizes[size].d + sizes[size].m);
    char what[64];
    snprintf(what, sizeof(what), "%lld x %lld, %lld slots, %lld", (long long)sizes[size].rows, (long long)sizes[size].d,
             (long long)sizes[size].n, (long long)sizes[size].m);
    double by_core = median(core, pairs), by_fused = median(fused, pairs);
    flops *= training ? 3 : 1;
    printf("%-28s %-8s %8.3f ms %6.1f GFLOP/s %8.3f ms %6.1f GFLOP/s %7.3f %8.1f MB %7.1f MB\n", what,
           training ? "training" : "forward", by_core * 1e3, flops / by_core * 1e-9, by_fused * 1e3,
           flops / by_fused * 1e-9, median(ratio, pairs), megabytes(&s[0]), megabytes(&s[1]));
    for (int k = 0; k < 2; k++) {
        tfx_bench_program_finish(&s[k].b, &s[k].p);
        tfx_bench_close(&s[k].b);
    }
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1, pairs = argc > 2 ? atoi(argv[2]) : 11;
    tfx_error err = {0};
    if (threads < 1 || pairs < 1 || pairs > MOST_PAIRS) {
        fprintf(stderr, "usage: bench_fused [THREADS [PAIRS]], with at most %d pairs\n", MOST_PAIRS);
        return 2;
    }
    tfx_registry *registry = tfx_registry_open("", &err);
    printf("%-37s %-26s %-26s %7s %19s\n", "", "core ops", "one op", "ratio", "memory");
    for (int size = 0; size < N_SIZES; size++)
        for (int training = 0; training < 2 && err.status == TFX_OK; training++)
            compare(registry, size, training, threads, pairs, &err);
    tfx_registry_close(registry);
    if (err.status != TFX_OK)
        fprintf(stderr, "bench_fused: %s\n", err.text);
    return err.status != TFX_OK;
}
