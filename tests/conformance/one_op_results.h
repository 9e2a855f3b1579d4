/* A custom op with two results, x less its mean and the mean, in two phases with scratch memory, that keeps all promises; a test
 * breaks one by redefining a word before it includes this. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

enum { BLOCKS = 16, LINE = 8 };

#ifndef N_RESULTS
#define N_RESULTS 2
#endif
#ifndef N_PHASES
#define N_PHASES 2
#endif
#ifndef SCRATCH
#define SCRATCH (BLOCKS * sizeof(double))
#endif
#ifndef PART_SCRATCH
#define PART_SCRATCH (LINE * sizeof(float))
#endif
#ifndef SET_SUM
#define SET_SUM(s, x) ((s) = (x))
#endif
#ifndef BEGIN
#define BEGIN(a)
#endif
#ifndef WANTED
#define WANTED(a, k) ((a)->outs[k] != NULL)
#endif
#ifndef MEAN_DIMS
#define MEAN_DIMS 0
#endif
#ifndef GRADIENT_OF_MEAN
#define GRADIENT_OF_MEAN 1
#endif

static tfx_status infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, tfx_tensor *const *out)
{
    (void)ints, (void)reals;
    if (n_in != 1 || in[0]->dtype != TFX_F32 || in[0]->n_dims < 1)
        return host->fail(host, TFX_E_INVALID, "expected one f32 operand of rank 1 or more, found %u operands", n_in);
    out[0]->n_dims = in[0]->n_dims;
    memcpy(out[0]->dims, in[0]->dims, sizeof(out[0]->dims));
    out[1]->n_dims = MEAN_DIMS;
    out[1]->dims[0] = 1;
    return TFX_OK;
}

static tfx_value mean(const tfx_builder *b, tfx_value x)
{
    int axes[TFX_MAX_DIMS];
    double n = 1;
    for (uint32_t i = 0; i < b->rank(b, x); i++) {
        axes[i] = (int)i;
        n *= (double)b->dim_of(b, x, (int)i);
    }
    return b->affine(b, b->sum(b, x, b->rank(b, x), axes, 0), 1 / n, 0);
}

static tfx_status lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                        const double *reals, tfx_value *out)
{
    (void)n_in, (void)ints, (void)reals;
    out[1] = mean(b, in[0]);
    out[0] = b->sub(b, in[0], out[1]);
    return TFX_OK;
}

static tfx_status vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const tfx_value *out,
                      const tfx_value *dy, const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)out, (void)ints, (void)reals;
    int64_t dims[TFX_MAX_DIMS];
    double n = 1;
    for (uint32_t i = 0; i < b->rank(b, in[0]); i++)
        n *= (double)(dims[i] = b->dim_of(b, in[0], (int)i));
    if (dy[0])
        dx[0] = b->sub(b, dy[0], mean(b, dy[0]));
    if (dy[1] && GRADIENT_OF_MEAN) {
        tfx_value each = b->affine(b, b->broadcast(b, dy[1], b->rank(b, in[0]), dims), 1 / n, 0);
        dx[0] = dx[0] ? b->add(b, dx[0], each) : each;
    }
    return TFX_OK;
}

/* Sums of blocks first, which do not depend on the number of parts. */
static void sum_blocks(const tfx_kernel_args *a, int64_t n)
{
    const float *x = (const float *)a->in[0];
    double *sums = (double *)a->scratch;
    float *line = (float *)a->part_scratch;
    for (int64_t block = a->part; block < BLOCKS; block += a->n_parts) {
        double sum = 0;
        for (int64_t i = n * block / BLOCKS, end = n * (block + 1) / BLOCKS, count; i < end; i += count) {
            count = end - i < LINE ? end - i : LINE;
            memcpy(line, x + i, (size_t)count * sizeof(float));
            for (int64_t k = 0; k < count; k++)
                sum += line[k];
        }
        SET_SUM(sums[block], sum);
    }
}

static void subtract(const tfx_kernel_args *a, int64_t n)
{
    const float *x = (const float *)a->in[0];
    const double *sums = (const double *)a->scratch;
    double sum = 0;
    for (int64_t block = 0; block < BLOCKS; block++)
        sum += sums[block];
    for (int64_t i = n * a->part / a->n_parts; WANTED(a, 0) && i < n * (a->part + 1) / a->n_parts; i++)
        ((float *)a->outs[0])[i] = (float)((double)x[i] - sum / (double)n);
    if (a->part == 0 && WANTED(a, 1))
        *(float *)a->outs[1] = (float)(sum / (double)n);
}

static void run(const tfx_kernel_args *a)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < a->in_info[0]->n_dims; i++)
        n *= a->in_info[0]->dims[i];
    BEGIN(a);
    if (a->phase == 0)
        sum_blocks(a, n);
    if (a->phase == N_PHASES - 1)
        subtract(a, n);
}

static uint64_t scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)in, (void)ints, (void)reals;
    return SCRATCH;
}

static uint64_t part_scratch(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)in, (void)ints, (void)reals;
    return PART_SCRATCH;
}

/* Not a number where there is one element. */
static inline double flops(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    double above_one = (double)in[0]->dims[0] - 1;
    return above_one / above_one;
}

static const tfx_kernel cpu = {sizeof(tfx_kernel), "cpu", run, N_PHASES, scratch, part_scratch};
static const tfx_kernel *const kernels[] = {&cpu, NULL};
static const tfx_op_class class_table = {
    .struct_size = sizeof(class_table),
    .id = "test." OP_NAME "/1",
    .summary = "x less its mean, and the mean",
    .kernels = kernels,
    .n_results = N_RESULTS,
    .infer_results = infer,
    .lower_results = lower,
    .vjp_results = vjp,
#ifdef FLOPS
    .flops = FLOPS,
#endif
};

TFX_PLUGIN(OP_NAME, "1", "x less its mean, and the mean", TFX_KIND_OP, &class_table);
