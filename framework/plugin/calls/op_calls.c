#include "framework/plugin/calls/op_calls.h"

#include <inttypes.h>
#include <math.h>

#include "framework/plugin/host.h"

tfx_status tfx_call_op_infer(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, uint32_t *n_dims, int64_t dims[TFX_MAX_DIMS], tfx_error *err)
{
    tfx_call c;
    *n_dims = 0;
    tfx_call_begin(&c, TFX_KIND_OP, cls, "infer", NULL);
    tfx_status status = cls->infer(tfx_host_table(), n_in, in, ints, reals, n_dims, dims);
    if (status == TFX_OK && *n_dims > TFX_MAX_DIMS)
        tfx_call_bug(&c, "`infer` gave rank %" PRIu32 "; expected at most %d", *n_dims, TFX_MAX_DIMS);
    for (uint32_t i = 0; status == TFX_OK && !c.misuse && i < *n_dims; i++)
        if (dims[i] < 1)
            tfx_call_bug(&c, "`infer` gave %" PRId64 " for dimension %" PRIu32 "; expected at least 1", dims[i], i);
    return tfx_call_end(&c, status, cls->id, err);
}

double tfx_call_op_flops(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                         const double *reals, tfx_error *err)
{
    tfx_call c;
    if (!TFX_HAS(cls, flops))
        return 0;
    tfx_call_begin(&c, TFX_KIND_OP, cls, "flops", NULL);
    double flops = cls->flops(n_in, in, ints, reals);
    if (!(flops >= 0 && isfinite(flops)))
        tfx_call_bug(&c, "`flops` gave %g; expected a number of operations", flops);
    return tfx_call_end(&c, TFX_OK, cls->id, err) == TFX_OK ? flops : 0;
}

tfx_value tfx_call_op_lower(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in,
                            const int64_t *ints, const double *reals)
{
    tfx_call c;
    tfx_error err = {0};
    tfx_call_begin(&c, TFX_KIND_OP, cls, "lower", NULL);
    tfx_value y = cls->lower(b, n_in, in, ints, reals);
    if (tfx_call_end(&c, y || c.first.status == TFX_OK ? TFX_OK : c.first.status, "", &err) != TFX_OK)
        return b->error(b, "custom op %s: %s", cls->id, err.text);
    if (!y)
        return b->error(b, "custom op %s: `lower` returned TFX_POISON, which is no value, and gave no reason", cls->id);
    if (!tfx_call_is_value(b, y))
        return b->error(b, "custom op %s: `lower` returned a value that does not exist", cls->id);
    return y;
}

void tfx_call_op_vjp(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out,
                     tfx_value dy, const int64_t *ints, const double *reals, tfx_value *dx)
{
    tfx_call c;
    tfx_error err = {0};
    tfx_call_begin(&c, TFX_KIND_OP, cls, "vjp", NULL);
    if (tfx_call_end(&c, cls->vjp(b, n_in, in, out, dy, ints, reals, dx), "", &err) != TFX_OK)
        b->error(b, "custom op %s: %s", cls->id, err.text);
    for (uint32_t i = 0; err.status == TFX_OK && i < n_in; i++)
        if (dx[i] && !tfx_call_is_value(b, dx[i]))
            b->error(b, "custom op %s: `vjp` gave operand %" PRIu32 " a gradient that does not exist", cls->id, i);
        else if (dx[i] && (b->dtype(b, dx[i]) != TFX_F32 || !tfx_call_same_shape(b, in[i], dx[i])))
            b->error(b, "custom op %s: `vjp` gave operand %" PRIu32 " a gradient of another shape or dtype", cls->id,
                     i);
}

void tfx_call_kernel_run(const tfx_op_class *cls, const tfx_kernel *kernel, const tfx_kernel_args *args)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_OP, cls, "run", kernel->device);
    kernel->run(args);
    tfx_call_end_quietly(&c);
}
