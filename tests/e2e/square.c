/* A plugin of the end-to-end tests: a custom op y = scale x^2.
 *
 * The op comes several times: with a kernel for the CPU, without any, so that every device takes its lowering,
 * with a kernel that computes something else, which shows whether kernels are used at all, and without a
 * gradient. The layer that uses them is another plugin, square_mlp. */
#include "tfx/tfx.h"

static tfx_status infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)ints;
    if (n_in != 1 || !(reals[0] > 0))
        return host->fail(host, TFX_E_INVALID, "square takes one operand and a positive scale");
    *n_dims = in[0]->n_dims;
    for (uint32_t i = 0; i < in[0]->n_dims; i++)
        dims[i] = in[0]->dims[i];
    return TFX_OK;
}

static tfx_value lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals)
{
    (void)n_in, (void)ints;
    return b->affine(b, b->mul(b, in[0], in[0]), reals[0], 0.0);
}

static tfx_status vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                      const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)out, (void)ints;
    dx[0] = b->affine(b, b->mul(b, in[0], dy), 2.0 * reals[0], 0.0);
    return TFX_OK;
}

static void scaled_squares(const tfx_kernel_args *a, double power_of_x)
{
    const float *x = a->in[0];
    float *y = a->out;
    uint64_t n = 1;
    for (uint32_t i = 0; i < a->out_info->n_dims; i++)
        n *= (uint64_t)a->out_info->dims[i];
    for (uint64_t i = n * a->part / a->n_parts; i < n * (a->part + 1) / a->n_parts; i++)
        y[i] = (float)a->reals[0] * x[i] * (power_of_x > 1.0 ? x[i] : 1.0f);
}

static void run_square(const tfx_kernel_args *a)
{
    scaled_squares(a, 2.0);
}

static void run_other(const tfx_kernel_args *a)
{
    scaled_squares(a, 1.0);
}

static const tfx_kernel square_kernel = {sizeof(tfx_kernel), "cpu", run_square};
static const tfx_kernel other_kernel = {sizeof(tfx_kernel), "cpu", run_other};
static const tfx_kernel elsewhere_kernel = {sizeof(tfx_kernel), "abacus", run_other};
static const tfx_kernel *const square_kernels[] = {&square_kernel, NULL};
static const tfx_kernel *const other_kernels[] = {&other_kernel, NULL};
static const tfx_kernel *const elsewhere_kernels[] = {&elsewhere_kernel, NULL};

static const tfx_op_class square_op = {
    sizeof(tfx_op_class), "e2e.square/1", "scale x^2", infer, lower, vjp, square_kernels,
};
static const tfx_op_class lowered_op = {
    sizeof(tfx_op_class), "e2e.square_elsewhere/1", "scale x^2, with a kernel for another device", infer, lower, vjp,
    elsewhere_kernels,
};
static const tfx_op_class other_op = {
    sizeof(tfx_op_class), "e2e.square_other/1", "scale x^2, says the lowering, but not the kernel", infer, lower, vjp,
    other_kernels,
};

/* Without a vjp, training takes the lowering and evaluation the kernel. */
static const tfx_op_class forward_op = {
    sizeof(tfx_op_class), "e2e.square_forward/1", "scale x^2, without a gradient of its own", infer, lower, NULL,
    square_kernels,
};

TFX_FACTORY(square_factory, TFX_KIND_OP, &square_op);
TFX_FACTORY(lowered_factory, TFX_KIND_OP, &lowered_op);
TFX_FACTORY(other_factory, TFX_KIND_OP, &other_op);
TFX_FACTORY(forward_factory, TFX_KIND_OP, &forward_op);
TFX_PLUGIN_OF("square", "1.0.0", "custom ops", &square_factory, &lowered_factory, &other_factory, &forward_factory);
