/* The CPU backend: its entry, its options, and what it says about itself. */
#include "gemm.h"
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

/* NULL after a failure. */
static const tfx_cpu_gemm *choose_gemm(const tfx_host *host, const char *name)
{
    const tfx_cpu_gemm *gemm = tfx_cpu_gemm_named(name);
    if (gemm && gemm->usable())
        return gemm;
    char usable[160] = "";
    for (const tfx_cpu_gemm *const *g = tfx_cpu_gemms; *g; g++)
        if ((*g)->usable())
            snprintf(usable + strlen(usable), sizeof(usable) - strlen(usable), "%s%s", usable[0] ? ", " : "",
                     (*g)->name);
    host->fail(
        host, TFX_E_UNSUPPORTED,
        "cpu: products = %s: this machine (its processor, for onednn also the library libdnnl) does not have what "
        "that takes; it has %s",
        name, usable);
    return NULL;
}

/* "avx512_bf16 kernels, 2 threads", or "OpenBLAS 0.3.21 (Cooperlake), 2 threads". */
static void describe(tfx_backend *b)
{
    char by[96];
    snprintf(by, sizeof(by), "%s kernels", b->gemm->name);
    if (b->gemm->describe)
        b->gemm->describe(by, sizeof(by));
    snprintf(b->text, sizeof(b->text), "%s, %d thread%s", by, b->n_threads, b->n_threads == 1 ? "" : "s");
}

static tfx_status cpu_open(const tfx_host *host, const tfx_options *options, tfx_backend **out)
{
    int64_t n = host->opt_int(host, options, "threads");
    const tfx_cpu_gemm *gemm = choose_gemm(host, host->opt_string(host, options, "products"));
    if (!gemm)
        return TFX_E_UNSUPPORTED;
    if (gemm == &tfx_cpu_openblas && check_blas(host) != TFX_OK)
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
    b->gemm = gemm;
    describe(b);
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

/* ---- entry ---- */

static const char *const products_words[] = {"auto",  "avx512_bf16", "avx512",   "avx2",
                                             "plain", "onednn",      "openblas", NULL};

static const tfx_option cpu_options[] = {
    TFX_OPTION(
        "products", TFX_OPT_CHOICE, "auto", 0, 0, products_words,
        "what computes matrix products. avx512_bf16, avx512, avx2 and plain C are kernels of tfx and give the same "
        "bits, "
        "with any number of threads; onednn: bf16 ones by oneDNN where it is installed, f32 ones as avx512; auto: the "
        "fastest of this processor, with oneDNN only where it has AMX, and with openblas where it has not even AVX2"),
    TFX_OPTION("threads", TFX_OPT_INT, "0", 0, MAX_THREADS, NULL,
               "compute threads; 0: as many as the process may use cores"),
};

static const tfx_backend_class cpu_class = {
    .struct_size = sizeof(tfx_backend_class),
    .name = "cpu",
    .summary = "multi-threaded CPU backend, fusing pointwise chains",
    .device = "cpu",
    .capabilities = TFX_BACKEND_FUSES_POINTWISE | TFX_BACKEND_FUSES_ROWS | TFX_BACKEND_ATTENTION | TFX_BACKEND_BF16 |
                    TFX_BACKEND_KERNELS,
    .options = cpu_options,
    .n_options = sizeof(cpu_options) / sizeof(cpu_options[0]),
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .memory = cpu_memory,
    .measure_flops = tfx_cpu_measure_flops,
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
    .measure_bf16_flops = tfx_cpu_measure_bf16_flops,
};

TFX_PLUGIN("cpu", "1.0.0", "CPU backend", TFX_KIND_BACKEND, &cpu_class);
