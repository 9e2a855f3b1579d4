/* Products of bf16 operands by oneDNN, which has what Intel's AMX takes. f32 ones are by our own kernels.
 *
 * The library is looked for at run time, and used by one of its oldest functions: exported since version 1 though no header declares it.
 * What it takes is what `dnnl_sgemm` of dnnl.h takes, with a and b bf16: matrices by rows; c = alpha op(a) op(b) + beta c. */
#include "gemm_blocks.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef int (*bf16_gemm)(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t *a,
                         int64_t lda, const uint16_t *b, int64_t ldb, float beta, float *c, int64_t ldc);

static bf16_gemm gemm;
static const int *version;       /* major, minor, patch */
static void (*set_threads)(int); /* OpenMP's, of the calling thread; NULL if the library was built without */

/* Function pointers are no objects to C, which dlsym() knows only. */
#define FIND(function, library, name) \
    do { \
        void *found_ = dlsym(library, name); \
        memcpy(&(function), &found_, sizeof(function)); \
    } while (0)

static void load(void)
{
    static const char *const names[] = {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof(names) / sizeof(*names); i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return;
    const void *(*version_of)(void) = NULL;
    FIND(version_of, library, "dnnl_version");
    version = version_of ? version_of() : NULL;
    FIND(gemm, library, "dnnl_gemm_bf16bf16f32");
    FIND(set_threads, library, "omp_set_num_threads");
    /* On some processors it says that it cannot. By one thread, or OpenMP's others would stay, and wait for more in a loop. */
    if (set_threads)
        set_threads(1);
    const uint16_t x = 0x4000; /* 2 */
    float y = 0.0f;
    if (gemm && (!version || gemm('N', 'N', 1, 1, 1, 1.0f, &x, 1, &x, 1, 0.0f, &y, 1) != 0 || y != 4.0f))
        gemm = NULL;
}

static int is_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return gemm && tfx_cpu_avx512.usable();
}

static void multiply(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch)
{
    if (!p->bf16) {
        tfx_cpu_multiply_by_blocks(g, p, scratch);
        return;
    }
    if (set_threads)
        set_threads(1); /* this is one thread of the backend's own */
    tfx_cpu_copy_from(p);
    gemm(p->trans_a ? 'T' : 'N', p->trans_b ? 'T' : 'N', p->m, p->n, p->k, p->alpha, p->a, p->lda, p->b, p->ldb,
         p->beta, p->c, p->ldc);
}

static void describe(char *text, size_t size)
{
    snprintf(text, size, "avx512 kernels, oneDNN %d.%d.%d for bf16", version[0], version[1], version[2]);
}

static uint64_t scratch_bytes(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k)
{
    return bf16 ? 0 : tfx_cpu_blocks_scratch(g, bf16, m, n, k);
}

const tfx_cpu_gemm tfx_cpu_onednn = {
    "onednn", is_there, multiply, scratch_bytes, &tfx_cpu_tiles_avx512, &tfx_cpu_tiles_avx512, 1, describe};
