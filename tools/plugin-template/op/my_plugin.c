/* my_plugin: say in one line what the op computes, and why it deserves a kernel.
 *
 * This one is relu(x)^power, with power 2 or more (squared ReLU: So et al. 2021, arXiv 2109.08668): in core ops several
 * passes where they are not fused, here one. With it comes a layer of the same name that uses it. Follow the steps;
 * `make` builds it at any time, and `make test` tries it. docs/writing-an-op.md has the rest. */
#include "tfx/layer.h"
#include "tfx/op.h"

/* Step 1. Name it: "author.name/version". Another meaning is another version. */
static const char my_plugin_id[] = "local.my_plugin/1";

/* Step 2. Check operands and attributes, and say what shape the f32 result has. ints[0] is the power. */
static tfx_status my_plugin_infer(const tfx_host *h, uint32_t n_in, const tfx_tensor *const *in, const int64_t *ints,
                                  const double *reals, uint32_t *n_dims, int64_t *dims)
{
    (void)reals;
    if (n_in != 1 || in[0]->dtype != TFX_F32)
        return h->fail(h, TFX_E_INVALID, "expected one f32 operand; found %u", (unsigned)n_in);
    if (ints[0] < 2 || ints[0] > 8)
        return h->fail(h, TFX_E_INVALID, "expected a power from 2 to 8; found %lld", (long long)ints[0]);
    *n_dims = in[0]->n_dims;
    for (uint32_t i = 0; i < *n_dims; i++)
        dims[i] = in[0]->dims[i];
    return TFX_OK;
}

/* relu(x)^power in core ops. */
static tfx_value my_plugin_power(const tfx_builder *b, tfx_value x, int64_t power)
{
    tfx_value r = b->unary(b, TFX_RELU, x), y = r;
    for (int64_t i = 1; i < power; i++)
        y = b->mul(b, y, r);
    return y;
}

/* Step 3. Say what it means: the same result in core ops, for every device that has no kernel. */
static tfx_value my_plugin_lower(const tfx_builder *b, uint32_t n_in, const tfx_value *in, const int64_t *ints,
                                 const double *reals)
{
    (void)n_in, (void)reals;
    return my_plugin_power(b, in[0], ints[0]);
}

/* Step 4. Give the gradient: dx = dy power relu(x)^(power - 1). Without this function, graphs that need a gradient
 * use `lower`, and the kernel serves evaluation alone. */
static tfx_status my_plugin_vjp(const tfx_builder *b, uint32_t n_in, const tfx_value *in, tfx_value out, tfx_value dy,
                                const int64_t *ints, const double *reals, tfx_value *dx)
{
    (void)n_in, (void)out, (void)reals;
    tfx_value slope = b->affine(b, my_plugin_power(b, in[0], ints[0] - 1), (double)ints[0], 0.0);
    dx[0] = b->mul(b, dy, slope);
    return TFX_OK;
}

/* Step 5. Write the kernel: the part-th of n_parts shares, which several threads compute at the same time. It
 * cannot fail, and the same operands must give the same bits whatever n_parts is. */
static void my_plugin_kernel(const tfx_kernel_args *a)
{
    const float *x = a->in[0];
    float *y = a->out;
    int64_t n = 1;
    for (uint32_t i = 0; i < a->out_info->n_dims; i++)
        n *= a->out_info->dims[i];
    int64_t share = n / a->n_parts + 1, first = share * a->part, end = first + share < n ? first + share : n;
    for (int64_t i = first; i < end; i++) {
        float r = x[i] > 0 ? x[i] : 0, p = r;
        for (int64_t k = 1; k < a->ints[0]; k++)
            p *= r;
        y[i] = p;
    }
}

static const tfx_kernel my_plugin_cpu = {sizeof(tfx_kernel), "cpu", my_plugin_kernel};
static const tfx_kernel *const my_plugin_kernels[] = {&my_plugin_cpu, NULL};

static const tfx_op_class my_plugin_op_class = {
    .struct_size = sizeof(tfx_op_class),
    .id = my_plugin_id,
    .summary = "relu(x)^power",
    .infer = my_plugin_infer,
    .lower = my_plugin_lower,
    .vjp = my_plugin_vjp,
    .kernels = my_plugin_kernels,
};

/* Step 6. Use it in a layer: here a hidden layer with this activation. Any layer can, by the op's id. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, "64", 1, 1e9, NULL, "hidden width; can grow"),
    TFX_OPTION("power", TFX_OPT_INT, "2", 2, 8, NULL, "of the activation"),
    TFX_OPTION("kernel", TFX_OPT_BOOL, "true", 0, 0, NULL, "false: the same in core ops, to compare with"),
};

static tfx_value my_plugin_build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t hidden = h->opt_int(h, b->options, "hidden"), power = h->opt_int(h, b->options, "power");
    int64_t up_shape[2] = {hidden, b->dim_of(b, x, -1)}, down_shape[2] = {hidden, out_dim};
    tfx_init normal = tfx_init_normal(0.1);
    tfx_value up = b->param(b, "up", 2, up_shape, &normal, 0, 0);
    tfx_value down = b->param(b, "down", 2, down_shape, &normal, 0, 0);
    tfx_value y = b->matmul(b, x, up, TFX_TRANS_B, 1.0);
    if (h->opt_bool(h, b->options, "kernel"))
        y = b->custom(b, my_plugin_id, 1, &y, 1, &power, 0, NULL);
    else
        y = my_plugin_power(b, y, power);
    return b->matmul(b, y, down, 0, 1.0);
}

static const tfx_layer_class my_plugin_layer_class = {
    .struct_size = sizeof(tfx_layer_class),
    .name = "my_plugin",
    .summary = "hidden layer with relu(x)^power between two projections",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .build = my_plugin_build,
};

/* Step 7. Name the plugin, which offers both: name, version, summary. */
TFX_FACTORY(my_plugin_op, TFX_KIND_OP, &my_plugin_op_class);
TFX_FACTORY(my_plugin_layer, TFX_KIND_LAYER, &my_plugin_layer_class);
TFX_PLUGIN_OF("my_plugin", "0.1.0", "a custom op to start from", &my_plugin_op, &my_plugin_layer);
