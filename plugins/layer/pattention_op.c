/* Pattention in one op, and its gradient in another: what they take and give, what they mean in core ops, and what they
 * cost. The kernels are in pattention_kernels.c. */
#include "pattention_op.h"

#include <string.h>

#include "pattention_kernels.h"

static int64_t last(const tfx_tensor *t)
{
    return t->dims[t->n_dims - 1];
}

/* t has the dims of `like`, the last one being n. */
static int extends(const tfx_tensor *t, const tfx_tensor *like, int64_t n)
{
    return t->dtype == TFX_F32 && t->n_dims == like->n_dims && last(t) == n &&
           !memcmp(t->dims, like->dims, sizeof(*t->dims) * (t->n_dims - 1));
}

static int is_single(const tfx_tensor *t)
{
    for (uint32_t i = 0; i < t->n_dims; i++)
        if (t->dims[i] != 1)
            return 0;
    return t->dtype == TFX_F32;
}

/* x, key, value and tau, of whichever op. */
static tfx_status check(const tfx_host *h, uint32_t n_in, uint32_t expected, const tfx_tensor *const *in,
                        const int64_t *ints, const double *reals)
{
    if (n_in != expected)
        return h->fail(h, TFX_E_INVALID, "expected %u operands; found %u", expected, n_in);
    const tfx_tensor *x = in[0], *key = in[1], *value = in[2];
    if (x->dtype != TFX_F32 || key->dtype != TFX_F32 || value->dtype != TFX_F32 || x->n_dims < 1 || key->n_dims != 2 ||
        value->n_dims != 2 || last(key) != last(x) || value->dims[0] != key->dims[0] || !is_single(in[3]))
        return h->fail(h, TFX_E_INVALID, "expected f32 x [..., d], key [n, d], value [n, m] and a single tau");
    if (ints[0] != 0 && ints[0] != 1)
        return h->fail(h, TFX_E_INVALID, "expected 0 or 1 for the kind of GELU; found %lld", (long long)ints[0]);
    if (!(reals[0] >= 0 && reals[0] <= 1))
        return h->fail(h, TFX_E_INVALID, "expected an eps from 0 to 1; found %g", reals[0]);
    return TFX_OK;
}

static void set_shape(tfx_tensor *t, const tfx_tensor *like)
{
    t->n_dims = like->n_dims;
    memcpy(t->dims, like->dims, sizeof(*t->dims) * like->n_dims);
}

static tfx_unary gelu_of(const int64_t *ints)
{
    return ints[0] ? TFX_GELU_TANH : TFX_GELU_ERF;
}

static double products(const tfx_tensor *const *in, double each)
{
    double rows = 1;
    for (uint32_t i = 0; i + 1 < in[0]->n_dims; i++)
        rows *= (double)in[0]->dims[i];
    return each * rows * (double)in[1]->dims[0] * (double)(in[1]->dims[1] + in[2]->dims[1]);
}

/* ---- forward ---- */

static tfx_status infer(const tfx_host *h, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                        const double *reals, tfx_tensor *const *out)
{
    tfx_status status = check(h, n_in, 4, in, ints, reals);
    if (status != TFX_OK)
        return status;
    for (int k = 0; k < 2; k++)
        set_shape(out[k], in[0]);
    out[0]->dims[in[0]->n_dims - 1] = in[2]->dims[1];
    out[1]->dims[in[0]->n_dims - 1] = in[1]->dims[0];
    return TFX_OK;
}

/* x as rows, for products that sum over them. */
static tfx_value rows_of(const tfx_builder *b, tfx_value x)
{
    int64_t shape[2] = {-1, b->dim_of(b, x, -1)};
    return b->reshape(b, x, 2, shape);
}

static tfx_value like(const tfx_builder *b, tfx_value rows, tfx_value x)
{
    int64_t shape[TFX_MAX_DIMS];
    uint32_t n = b->rank(b, x);
    for (uint32_t i = 0; i < n; i++)
        shape[i] = i + 1 < n ? b->dim_of(b, x, (int)i) : b->dim_of(b, rows, -1);
    return b->reshape(b, rows, n, shape);
}

static tfx_status lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                        const double *reals, tfx_value *out)
{
    (void)n_in;
    tfx_value a = b->matmul(b, rows_of(b, in[0]), in[1], TFX_TRANS_B, 1.0);
    tfx_value s = pattention_scores(b, a, in[3], gelu_of(ints), reals[0]);
    out[0] = like(b, b->matmul(b, s, in[2], 0, 1.0), in[0]);
    out[1] = like(b, a, in[0]);
    return TFX_OK;
}

static tfx_status vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const tfx_value *out,
                      const tfx_value *dy, const int64_t *ints, const double *reals, tfx_value *dx)
{
    tfx_value operands[6] = {in[0], in[1], in[2], in[3], out[1], dy[0]};
    if (dy[0])
        b->custom_results(b, PATTENTION_GRAD_OP, 6, operands, 1, ints, 1, reals, n_in, dx);
    if (!dy[1])
        return TFX_OK;
    /* Who else uses the scores; a layer does not. */
    tfx_value da = rows_of(b, dy[1]);
    tfx_value more[2] = {like(b, b->matmul(b, da, in[1], 0, 1.0), in[0]),
                         b->matmul(b, da, rows_of(b, in[0]), TFX_TRANS_A, 1.0)};
    for (int k = 0; k < 2; k++)
        dx[k] = dx[k] ? b->add(b, dx[k], more[k]) : more[k];
    return TFX_OK;
}

static double flops(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    return products(in, 2);
}

/* ---- backward ---- */

static tfx_status grad_infer(const tfx_host *h, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                             const double *reals, tfx_tensor *const *out)
{
    tfx_status status = check(h, n_in, 6, in, ints, reals);
    if (status != TFX_OK)
        return status;
    if (!extends(in[4], in[0], in[1]->dims[0]) || !extends(in[5], in[0], in[2]->dims[1]))
        return h->fail(h, TFX_E_INVALID, "expected f32 scores [..., n] and dy [..., m]");
    for (int k = 0; k < 4; k++)
        set_shape(out[k], in[k]);
    return TFX_OK;
}

static tfx_status grad_lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                             const double *reals, tfx_value *out)
{
    (void)n_in;
    tfx_unary gelu = gelu_of(ints);
    tfx_value x = rows_of(b, in[0]), key = in[1], value = in[2], tau = in[3], a = rows_of(b, in[4]);
    tfx_value dy = rows_of(b, in[5]);
    tfx_value unit = b->norm(b, TFX_NORM_L2, a, reals[0]), scaled = b->mul(b, unit, tau);
    tfx_value dg = b->matmul(b, dy, value, TFX_TRANS_B, 1.0), dz = b->unary_grad(b, gelu, scaled, dg);
    tfx_value da = b->norm_grad(b, TFX_NORM_L2, a, b->mul(b, dz, tau), reals[0]);
    int64_t tau_shape[TFX_MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const int both[2] = {0, 1};
    out[0] = like(b, b->matmul(b, da, key, 0, 1.0), in[0]);
    out[1] = b->matmul(b, da, x, TFX_TRANS_A, 1.0);
    out[2] = b->matmul(b, b->unary(b, gelu, scaled), dy, TFX_TRANS_A, 1.0);
    out[3] = b->reshape(b, b->sum(b, b->mul(b, dz, unit), 2, both, 0), b->rank(b, tau), tau_shape);
    return TFX_OK;
}

static double grad_flops(uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints, const double *reals)
{
    (void)n_in, (void)ints, (void)reals;
    return products(in, 4);
}

/* ---- classes ---- */

const tfx_op_class pattention_op = {
    .struct_size = sizeof(tfx_op_class),
    .id = PATTENTION_OP,
    .summary = "gelu(tau a / |a|) V of the scores a = x K^T, and these",
    .kernels = pattention_kernels,
    .flops = flops,
    .n_results = 2,
    .infer_results = infer,
    .lower_results = lower,
    .vjp_results = vjp,
};

const tfx_op_class pattention_grad_op = {
    .struct_size = sizeof(tfx_op_class),
    .id = PATTENTION_GRAD_OP,
    .summary = "gradients of x, K, V and tau",
    .kernels = pattention_grad_kernels,
    .flops = grad_flops,
    .n_results = 4,
    .infer_results = grad_infer,
    .lower_results = grad_lower,
};
