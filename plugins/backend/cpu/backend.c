/* The CPU backend: its entry, its options, and what it says about itself.
 *
 * Matrix products are OpenBLAS's, called single-threaded from this plugin's own threads: on
 * the shapes of a GPT-2 124M step, two threads with half of the columns each run as fast as
 * OpenBLAS's own threading (190 to 200 of 225 GFLOP/s on two Zen 4 cores), and the same
 * threads then serve everything else. */
#include "kernels.h"

#include <cblas.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OpenBLAS has a fixed number of work areas, at least this many in the distributions' builds,
 * and ends the process when more threads ask for one at once. */
#define MAX_THREADS 64

static int default_threads(void)
{
    cpu_set_t set;
    int n = 0;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        n = CPU_COUNT(&set);
    if (n <= 0)
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return (int)tfx_cpu_max(1, tfx_cpu_min(n, MAX_THREADS));
}

static void cpu_close(tfx_backend *b)
{
    if (!b)
        return;
    tfx_cpu_pool_destroy(b->pool);
    free(b);
}

/* A library that came into the process before OpenBLAS and has a BLAS, too, takes its place without a word: results are
 * others, and slow. */
static tfx_status check_blas(const tfx_host *host)
{
    Dl_info used, own;
    if (!dladdr((void *)(uintptr_t)cblas_sgemm, &used) || !dladdr((void *)(uintptr_t)openblas_get_config, &own) ||
        !strcmp(used.dli_fname, own.dli_fname))
        return TFX_OK;
    return host->fail(
        host, TFX_E_INVALID,
        "cpu: matrix products would be those of %s in place of %s: another library of this process brings a "
        "BLAS of its own",
        used.dli_fname, own.dli_fname);
}

static tfx_status cpu_open(const tfx_host *host, const tfx_options *options, tfx_backend **out)
{
    int64_t n = host->opt_int(host, options, "threads");
    if (check_blas(host) != TFX_OK)
        return TFX_E_INVALID;
    tfx_backend *b = calloc(1, sizeof(*b));
    if (!b)
        return host->fail(host, TFX_E_MEMORY, "cpu: no memory for the backend's own state");
    b->host = host;
    b->n_threads = n > 0 ? (int)n : default_threads();
    b->memory = tfx_cpu_memory();
    b->pool = tfx_cpu_pool_create(b->n_threads);
    if (!b->pool) {
        tfx_status s = host->fail(host, TFX_E_MEMORY, "cpu: cannot start %d threads", b->n_threads);
        cpu_close(b);
        return s;
    }
    openblas_set_num_threads(1);
    const char *version = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." */
    version += strncmp(version, "OpenBLAS ", 9) == 0 ? 9 : 0;
    snprintf(b->text, sizeof(b->text), "OpenBLAS %.*s (%s), %d thread%s", (int)strcspn(version, " "), version,
             openblas_get_corename(), b->n_threads, b->n_threads == 1 ? "" : "s");
    *out = b;
    return TFX_OK;
}

static const char *cpu_describe(const tfx_backend *b)
{
    return b->text;
}

static uint64_t cpu_memory(const tfx_backend *b)
{
    return b->memory;
}

/* ---- measuring ---- */

enum { FLOPS_M = 512, FLOPS_N = 512, FLOPS_K = 512 };

typedef struct flops_job {
    float *a, *b, *c; /* c: one matrix per thread */
} flops_job;

static void flops_task(void *arg, int64_t task, int worker)
{
    flops_job *j = arg;
    (void)worker;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, FLOPS_M, FLOPS_N, FLOPS_K, 1.0f, j->a, FLOPS_K, j->b,
                FLOPS_N, 0.0f, j->c + (size_t)task * FLOPS_M * FLOPS_N, FLOPS_N);
}

static double cpu_measure_flops(tfx_backend *b)
{
    size_t n_a = (size_t)FLOPS_M * FLOPS_K, n_b = (size_t)FLOPS_K * FLOPS_N;
    size_t n_c = (size_t)FLOPS_M * FLOPS_N * (size_t)b->n_threads;
    float *data = malloc((n_a + n_b + n_c) * sizeof(float));
    if (!data)
        return 0.0;
    for (size_t i = 0; i < n_a + n_b; i++)
        data[i] = (float)(i % 13) * 0.125f - 0.75f;
    flops_job job = {data, data + n_a, data + n_a + n_b};
    double flops = 2.0 * FLOPS_M * FLOPS_N * FLOPS_K * b->n_threads;
    tfx_cpu_pool_run(b->pool, b->n_threads, flops_task, &job); /* first touch, clock ramp-up */
    /* The best of several short runs: what the machine can do when nothing disturbs it. */
    double best = 0.0, start = tfx_cpu_seconds();
    do {
        double t = tfx_cpu_seconds();
        for (int i = 0; i < 4; i++)
            tfx_cpu_pool_run(b->pool, b->n_threads, flops_task, &job);
        t = tfx_cpu_seconds() - t;
        if (t > 0 && 4 * flops / t > best)
            best = 4 * flops / t;
    } while (tfx_cpu_seconds() - start < 0.2);
    free(data);
    return best;
}

/* ---- entry ---- */

static const tfx_option cpu_options[] = {
    TFX_OPTION("threads", TFX_OPT_INT, "0", 0, MAX_THREADS, NULL,
               "compute threads; 0: as many as the process may use cores"),
};

static const tfx_backend_class cpu_class = {
    .struct_size = sizeof(tfx_backend_class),
    .name = "cpu",
    .summary = "multi-threaded CPU backend on OpenBLAS, fusing pointwise chains",
    .device = "cpu",
    .capabilities = TFX_BACKEND_FUSES_POINTWISE | TFX_BACKEND_BF16,
    .options = cpu_options,
    .n_options = sizeof(cpu_options) / sizeof(cpu_options[0]),
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .memory = cpu_memory,
    .measure_flops = cpu_measure_flops,
    .buffer_create = tfx_cpu_buffer_create,
    .buffer_destroy = tfx_cpu_buffer_destroy,
    .upload = tfx_cpu_upload,
    .download = tfx_cpu_download,
    .supports = tfx_cpu_supports,
    .workspace = tfx_cpu_workspace,
    .compile = tfx_cpu_compile,
    .exec_destroy = tfx_cpu_exec_destroy,
    .run = tfx_cpu_run,
    .profile = tfx_cpu_profile,
};

TFX_PLUGIN("cpu", "1.0.0", "CPU backend on OpenBLAS", TFX_KIND_BACKEND, &cpu_class);
