/* Custom ops for the tests of the builder: with and without a kernel and a vjp. */
#include <string.h>

#include "tfx/op.h"

static tfx_status infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)ints, (void)reals;
    if (n_in != 1 || in[0]->n_dims != 1)
        return host->fail(host, TFX_E_INVALID, "expected one vector, found %u operands", n_in);
    *n_dims = 1;
    dims[0] = in[0]->dims[0];
    return TFX_OK;
}

/* reals[0] * x^2 + ints[0] */
static tfx_value lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals)
{
    (void)n_in;
    return b->affine(b, b->mul(b, in[0], in[0]), reals[0], (double)ints[0]);
}

static tfx_status vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                      const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)out, (void)ints;
    dx[0] = b->affine(b, b->mul(b, dy, in[0]), 2 * reals[0], 0);
    return TFX_OK;
}

/* The same by way of another op, which has a kernel and no gradient: dx = 2 y dy / x with y = reals[0] x^2. */
static tfx_status vjp_by_op(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                            const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)out, (void)ints;
    tfx_value y = b->custom(b, "test.forward/1", n_in, in, 0, NULL, 1, reals);
    dx[0] = b->affine(b, b->div(b, b->mul(b, dy, y), in[0]), 2, 0);
    return TFX_OK;
}

static void run(const tfx_kernel_args *a)
{
    int64_t n = a->out_info->dims[0];
    for (int64_t i = n * a->part / a->n_parts; i < n * (a->part + 1) / a->n_parts; i++) {
        float x = ((const float *)a->in[0])[i];
        ((float *)a->out)[i] = (float)a->reals[0] * x * x + (float)a->ints[0];
    }
}

static const tfx_kernel cpu = {sizeof(tfx_kernel), "cpu", run}, other = {sizeof(tfx_kernel), "other", run};
static const tfx_kernel *const on_cpu[] = {&cpu, NULL}, *const elsewhere[] = {&other, NULL};

static const tfx_op_class whole = {sizeof(tfx_op_class), "test.whole/1", "kernel and vjp", infer, lower, vjp, on_cpu};
static const tfx_op_class adjoint = {
    sizeof(tfx_op_class), "test.adjoint/1", "a vjp with a kernel", infer, lower, vjp_by_op, on_cpu};
static const tfx_op_class forward = {
    sizeof(tfx_op_class), "test.forward/1", "kernel, no vjp", infer, lower, NULL, on_cpu};
static const tfx_op_class foreign = {
    sizeof(tfx_op_class), "test.foreign/1", "kernel for another device", infer, lower, vjp, elsewhere};

static const tfx_factory f_whole = {sizeof(tfx_factory), TFX_KIND_OP, &whole};
static const tfx_factory f_adjoint = {sizeof(tfx_factory), TFX_KIND_OP, &adjoint};
static const tfx_factory f_forward = {sizeof(tfx_factory), TFX_KIND_OP, &forward};
static const tfx_factory f_foreign = {sizeof(tfx_factory), TFX_KIND_OP, &foreign};
static const tfx_factory *const factories[] = {&f_whole, &f_adjoint, &f_forward, &f_foreign, NULL};
extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {
    sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_NEEDS_MINOR, "test_ops", "1.0.0", "custom ops of the tests", factories,
};
