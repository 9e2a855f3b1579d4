/* my_plugin: say in one line what it computes, and cite where it comes from.
 *
 * This one is a bottleneck: y = relu(x A^T) B, with A and B of `rank` rows that can grow. Follow the
 * steps; `make` builds it at any time, and `make test` tries it. docs/writing-a-layer.md has the rest. */
#include "tfx/layer.h"

/* Step 1. Declare the options: name, type, default (NULL: required), range, choices, doc. The
 * host checks what a spec says and prints this as documentation. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("rank", TFX_OPT_INT, "16", 1, 1e9, NULL, "width of the bottleneck; can grow"),
    TFX_OPTION("init_std", TFX_OPT_REAL, "0.02", 0, 10, NULL, "standard deviation of the initial weights"),
};

static tfx_value my_plugin_build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    /* Step 2. Read the options. */
    const tfx_host *h = b->host;
    int64_t rank = h->opt_int(h, b->options, "rank");
    tfx_init normal = tfx_init_normal(h->opt_real(h, b->options, "init_std"));

    /* Step 3. Ask for the parameters: name, shape, initial values, the axis whose slices are
     * told apart when it grows (or TFX_NOT_GROWABLE), flags. */
    int64_t a_shape[2] = {rank, b->dim_of(b, x, -1)}, b_shape[2] = {rank, out_dim};
    tfx_value down = b->param(b, "down", 2, a_shape, &normal, 0, 0);
    tfx_value up = b->param(b, "up", 2, b_shape, &normal, 0, 0);

    /* Step 4. Describe the output; x is [batch, time, width], the result must be
     * [batch, time, out_dim]. */
    tfx_value y = b->unary(b, TFX_RELU, b->matmul(b, x, down, TFX_TRANS_B, 1.0));
    return b->matmul(b, y, up, 0, 1.0);
}

/* Step 5. Name the layer as specs will. */
static const tfx_layer_class my_plugin_class = {
    .struct_size = sizeof(tfx_layer_class),
    .name = "my_plugin",
    .summary = "bottleneck of two projections",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .build = my_plugin_build,
};

/* Step 6. Name the plugin: name, version, summary. */
TFX_PLUGIN("my_plugin", "0.1.0", "a layer to start from", TFX_KIND_LAYER, &my_plugin_class);
