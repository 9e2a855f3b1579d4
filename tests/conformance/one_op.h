/* A custom op, x * x * reals[0], that keeps all promises; a test breaks one by redefining a word before it includes this. */
#include "tests/conformance/one_class.h"

#ifndef CHECK_OPERANDS
#define CHECK_OPERANDS(n_in, in) ((n_in) == 1 && (in)[0]->dtype == TFX_F32 && (in)[0]->n_dims >= 1)
#endif
#ifndef DIM
#define DIM(in, i) (in)[0]->dims[i]
#endif
#ifndef FROM
#define FROM(a, n) (n * (a)->part / (a)->n_parts)
#endif
#ifndef TO
#define TO(a, n) (n * ((a)->part + 1) / (a)->n_parts)
#endif
#ifndef COMPUTE
#define COMPUTE(a, x, i) ((float)(a)->reals[0] * (x)[i] * (x)[i])
#endif
#ifndef FACTOR
#define FACTOR (2 * reals[0]) /* of the gradient: times dy x */
#endif
#ifndef VJP
#define VJP vjp
#endif

static tfx_status infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)ints, (void)reals;
    if (!(CHECK_OPERANDS(n_in, in)))
        return host->fail(host, TFX_E_INVALID, "expected one f32 operand of rank 1 or more, found %u operands", n_in);
    *n_dims = in[0]->n_dims;
    for (uint32_t i = 0; i < *n_dims; i++)
        dims[i] = DIM(in, i);
    return TFX_OK;
}

static tfx_value lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals)
{
    (void)n_in, (void)ints;
    return b->affine(b, b->mul(b, in[0], in[0]), reals[0], 0);
}

static inline tfx_status vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                             const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)out, (void)ints;
    dx[0] = b->affine(b, b->mul(b, dy, in[0]), FACTOR, 0);
    return TFX_OK;
}

static void run(const tfx_kernel_args *a)
{
    const float *x = a->in[0];
    float *y = a->out;
    int64_t n = 1;
    for (uint32_t i = 0; i < a->out_info->n_dims; i++)
        n *= a->out_info->dims[i];
    for (int64_t i = FROM(a, n); i < TO(a, n); i++)
        y[i] = COMPUTE(a, x, i);
}

static const tfx_kernel cpu = {sizeof(tfx_kernel), "cpu", run};
static const tfx_kernel *const kernels[] = {&cpu, NULL};
static const tfx_op_class class_table = {
    sizeof(class_table), "test." OP_NAME "/1", "squares", infer, lower, VJP, kernels};

TFX_PLUGIN(OP_NAME, "1", "squares", TFX_KIND_OP, &class_table);
