/* my_layer: say in one line what it computes, and cite where it comes from.
 *
 * This one is a bottleneck: y = relu(x A^T) B, with A and B of `rank` rows that can grow.
 * Follow the steps; everything compiles at any time with
 *
 *     cc -O2 -shared -fPIC -fvisibility=hidden -I "$TFX/include" my_layer.c -o my_layer.so
 */
#include "tfx/layer.h"

/* Step 1. Declare the options: name, type, default (NULL: required), range, choices, doc. The
 * host checks what a spec says and prints this as documentation. */
static const tfx_option options[] = {
    TFX_OPTION("rank", TFX_OPT_INT, "16", 1, 1e9, NULL, "width of the bottleneck; can grow"),
    TFX_OPTION("init_std", TFX_OPT_REAL, "0.02", 0, 10, NULL, "standard deviation of the initial weights"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    /* Step 2. Read the options. */
    const tfx_host *h = b->host;
    int64_t rank = h->opt_int(h, b->options, "rank");
    tfx_init normal = tfx_init_normal(h->opt_real(h, b->options, "init_std"));

    /* Step 3. Ask for the parameters: name, shape, initial values, the axis along which they
     * may grow (or TFX_NOT_GROWABLE), flags. */
    int64_t a_shape[2] = {rank, b->dim_of(b, x, -1)}, b_shape[2] = {rank, out_dim};
    tfx_value down = b->param(b, "down", 2, a_shape, &normal, 0, 0);
    tfx_value up = b->param(b, "up", 2, b_shape, &normal, 0, 0);

    /* Step 4. Describe the output; x is [batch, time, width], the result must be
     * [batch, time, out_dim]. */
    tfx_value y = b->unary(b, TFX_RELU, b->matmul(b, x, down, TFX_TRANS_B, 1.0));
    return b->matmul(b, y, up, 0, 1.0);
}

/* Step 5. Name the layer as specs will. NULL and 0 stand for slots, of which there are none: see
 * docs/writing-a-layer.md. */
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "my_layer",
    "bottleneck of two projections",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

/* Step 6. Name the plugin: name, version, summary. */
TFX_PLUGIN("my_layer", "0.1.0", "a layer to start from", TFX_KIND_LAYER, &layer);
