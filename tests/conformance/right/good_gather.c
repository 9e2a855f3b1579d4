/* Keeps all promises: an op with an operand of numbers of rows, which has no gradient, and one attribute that it takes only from 0 to 2. */
#include "tests/conformance/one_class.h"

/* y = x times reals[0] in columns whose number is 0, and 1 + ints[0] in those whose number is 1. */
static tfx_status infer(const tfx_host *host, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)reals;
    if (n_in != 2 || in[0]->dtype != TFX_F32 || in[1]->dtype != TFX_I32 || in[0]->n_dims != 3 || in[1]->n_dims != 1 ||
        in[1]->dims[0] != in[0]->dims[2])
        return host->fail(host, TFX_E_INVALID, "expected [batch, time, width] and width numbers of i32");
    if (ints[0] < 0 || ints[0] > 2)
        return host->fail(host, TFX_E_INVALID, "expected a mode from 0 to 2, found %d", (int)ints[0]);
    *n_dims = 3;
    memcpy(dims, in[0]->dims, 3 * sizeof(*dims));
    return TFX_OK;
}

/* Rows of a table of ones and tens, as factors. */
static tfx_value lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                       const double *reals)
{
    (void)n_in;
    const int64_t row[2] = {1, 1}, column[1] = {b->dim_of(b, in[1], 0)};
    const tfx_value parts[2] = {b->constant(b, reals[0], 2, row), b->constant(b, 1.0 + (double)ints[0], 2, row)};
    tfx_value factors = b->gather(b, b->concat(b, 2, parts, 0), in[1]);
    return b->mul(b, in[0], b->reshape(b, factors, 1, column));
}

static void run(const tfx_kernel_args *a)
{
    const float *x = a->in[0];
    const int32_t *index = a->in[1];
    int64_t width = a->out_info->dims[2], n = a->out_info->dims[0] * a->out_info->dims[1] * width;
    for (int64_t i = n * a->part / a->n_parts; i < n * (a->part + 1) / a->n_parts; i++)
        ((float *)a->out)[i] = x[i] * (float)(index[i % width] ? 1.0 + (double)a->ints[0] : a->reals[0]);
}

static const tfx_kernel cpu = {sizeof(tfx_kernel), "cpu", run};
static const tfx_kernel *const kernels[] = {&cpu, NULL};
static const tfx_op_class class_table = {
    sizeof(class_table), "test.good_gather/1", "scales columns", infer, lower, NULL, kernels};

TFX_PLUGIN("good_gather", "1", "scales columns", TFX_KIND_OP, &class_table);
