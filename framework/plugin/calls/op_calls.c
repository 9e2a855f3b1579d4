#include "framework/plugin/calls/op_calls.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/plugin/host.h"

uint32_t tfx_op_n_results(const tfx_op_class *cls)
{
    return TFX_HAS(cls, n_results) ? cls->n_results : 1;
}

int tfx_op_has_vjp(const tfx_op_class *cls)
{
    return TFX_HAS(cls, n_results) ? TFX_HAS(cls, vjp_results) != 0 : cls->vjp != NULL;
}

const tfx_kernel *tfx_op_kernel(const tfx_op_class *cls, const char *device)
{
    for (size_t i = 0; device && cls->kernels && cls->kernels[i]; i++)
        if (!strcmp(cls->kernels[i]->device, device))
            return cls->kernels[i];
    return NULL;
}

int tfx_op_kernel_is_special(const tfx_op_class *cls, const tfx_kernel *kernel)
{
    return TFX_HAS(cls, n_results) || TFX_HAS(kernel, n_phases) || TFX_HAS(kernel, scratch) ||
           TFX_HAS(kernel, part_scratch);
}

tfx_status tfx_call_op_infer(const tfx_op_class *cls, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, tfx_tensor *out, tfx_error *err)
{
    tfx_call c;
    uint32_t n_out = tfx_op_n_results(cls);
    const char *name = TFX_HAS(cls, n_results) ? "infer_results" : "infer";
    TFX_ROOMY(tfx_tensor) room[TFX_MAX_OP_RESULTS];
    tfx_tensor *results[TFX_MAX_OP_RESULTS];
    for (uint32_t k = 0; k < n_out; k++) {
        room[k].it = (tfx_tensor){.struct_size = sizeof(tfx_tensor), .dtype = TFX_F32};
        results[k] = &room[k].it;
    }
    tfx_call_begin(&c, TFX_KIND_OP, cls, name, NULL);
    tfx_status status = TFX_HAS(cls, n_results)
                            ? cls->infer_results(tfx_host_table(), n_in, in, ints, reals, results)
                            : cls->infer(tfx_host_table(), n_in, in, ints, reals, &room->it.n_dims, room->it.dims);
    for (uint32_t k = 0; k < n_out; k++)
        out[k] = room[k].it;
    for (uint32_t k = 0; status == TFX_OK && !c.misuse && k < n_out; k++) {
        char which[32] = "";
        if (n_out > 1)
            snprintf(which, sizeof(which), " of result %" PRIu32, k);
        if (out[k].n_dims > TFX_MAX_DIMS)
            tfx_call_bug(&c, "`%s` gave rank %" PRIu32 "%s; expected at most %d", name, out[k].n_dims, which,
                         TFX_MAX_DIMS);
        else if (out[k].dtype != TFX_F32)
            tfx_call_bug(&c, "`%s` gave dtype %d%s; expected f32", name, (int)out[k].dtype, which);
        for (uint32_t i = 0; !c.misuse && i < out[k].n_dims; i++)
            if (out[k].dims[i] < 1)
                tfx_call_bug(&c, "`%s` gave %" PRId64 " for dimension %" PRIu32 "%s; expected at least 1", name,
                             out[k].dims[i], i, which);
    }
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

void tfx_call_op_lower(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in,
                       const int64_t *ints, const double *reals, tfx_value *out)
{
    tfx_call c;
    tfx_error err = {0};
    int several = TFX_HAS(cls, n_results) != 0, there = 1;
    uint32_t n_out = tfx_op_n_results(cls);
    const char *name = several ? "lower_results" : "lower";
    memset(out, 0, sizeof(*out) * n_out);
    tfx_call_begin(&c, TFX_KIND_OP, cls, name, NULL);
    tfx_status status = TFX_OK;
    if (several)
        status = cls->lower_results(b, n_in, in, ints, reals, out);
    else
        out[0] = cls->lower(b, n_in, in, ints, reals);
    for (uint32_t k = 0; k < n_out; k++)
        there &= out[k] != TFX_POISON;
    status = status != TFX_OK || there || c.first.status == TFX_OK ? status : c.first.status;
    int sound = tfx_call_end(&c, status, "", &err) == TFX_OK;
    if (!sound)
        b->error(b, "custom op %s: %s", cls->id, err.text);
    for (uint32_t k = 0; sound && k < n_out; k++) {
        sound = out[k] && tfx_call_is_value(b, out[k]);
        if (!out[k])
            b->error(b, "custom op %s: `%s` %s TFX_POISON, which is no value, and gave no reason", cls->id, name,
                     several ? "left a result" : "returned");
        else if (!sound)
            b->error(b, "custom op %s: `%s` %s a value that does not exist", cls->id, name,
                     several ? "set a result to" : "returned");
    }
    if (!sound)
        memset(out, 0, sizeof(*out) * n_out);
}

void tfx_call_op_vjp(const tfx_op_class *cls, const tfx_builder *b, uint32_t n_in, const tfx_value *in,
                     const tfx_value *out, const tfx_value *dy, const int64_t *ints, const double *reals, tfx_value *dx)
{
    tfx_call c;
    tfx_error err = {0};
    int several = TFX_HAS(cls, n_results) != 0;
    const char *name = several ? "vjp_results" : "vjp";
    tfx_call_begin(&c, TFX_KIND_OP, cls, name, NULL);
    tfx_status status = several ? cls->vjp_results(b, n_in, in, out, dy, ints, reals, dx)
                                : cls->vjp(b, n_in, in, out[0], dy[0], ints, reals, dx);
    if (tfx_call_end(&c, status, "", &err) != TFX_OK)
        b->error(b, "custom op %s: %s", cls->id, err.text);
    for (uint32_t i = 0; err.status == TFX_OK && i < n_in; i++)
        if (dx[i] && !tfx_call_is_value(b, dx[i]))
            b->error(b, "custom op %s: `%s` gave operand %" PRIu32 " a gradient that does not exist", cls->id, name, i);
        else if (dx[i] && (b->dtype(b, dx[i]) != TFX_F32 || !tfx_call_same_shape(b, in[i], dx[i])))
            b->error(b, "custom op %s: `%s` gave operand %" PRIu32 " a gradient of another shape or dtype", cls->id,
                     name, i);
}

/* What one of a kernel's two functions for scratch memory says. */
static uint64_t end_scratch(tfx_call *c, uint64_t bytes, const char *id, tfx_error *err)
{
    if (bytes >> 56)
        tfx_call_bug(c, "`%s` asks for %" PRIu64 " bytes, more memory than any machine has", c->function, bytes);
    return tfx_call_end(c, TFX_OK, id, err) == TFX_OK ? bytes : 0;
}

uint64_t tfx_call_kernel_scratch(const tfx_op_class *cls, const tfx_kernel *kernel, uint32_t n_in,
                                 const tfx_tensor *const *in, const int64_t *ints, const double *reals, tfx_error *err)
{
    tfx_call c;
    if (!TFX_HAS(kernel, scratch))
        return 0;
    tfx_call_begin(&c, TFX_KIND_OP, cls, "scratch", kernel->device);
    return end_scratch(&c, kernel->scratch(n_in, in, ints, reals), cls->id, err);
}

uint64_t tfx_call_kernel_part_scratch(const tfx_op_class *cls, const tfx_kernel *kernel, uint32_t n_in,
                                      const tfx_tensor *const *in, const int64_t *ints, const double *reals,
                                      tfx_error *err)
{
    tfx_call c;
    if (!TFX_HAS(kernel, part_scratch))
        return 0;
    tfx_call_begin(&c, TFX_KIND_OP, cls, "part_scratch", kernel->device);
    return end_scratch(&c, kernel->part_scratch(n_in, in, ints, reals), cls->id, err);
}

void tfx_call_kernel_run(const tfx_op_class *cls, const tfx_kernel *kernel, const tfx_kernel_args *args)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_OP, cls, "run", kernel->device);
    kernel->run(args);
    tfx_call_end_quietly(&c);
}
