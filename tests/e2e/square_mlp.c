/* A plugin of the end-to-end tests: a feed-forward layer with a custom op that another plugin, square, has,
 * and a layer that contains itself. */
#include "tfx/tfx.h"

static const tfx_option options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, "64", 1, 1e6, NULL, "hidden width"),
    TFX_OPTION("op", TFX_OPT_STRING, "e2e.square/1", 0, 0, NULL, "the custom op between the two matrices"),
    TFX_OPTION("scale", TFX_OPT_REAL, "2", -10, 10, NULL, "factor of the op"),
    TFX_OPTION("dropout", TFX_OPT_REAL, "0", 0, 1, NULL, "rate of dropout behind the op"),
};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    int64_t hidden = h->opt_int(h, b->options, "hidden");
    tfx_init normal = tfx_init_normal(0.1);
    int64_t up_shape[2] = {hidden, b->dim_of(b, x, -1)}, down_shape[2] = {hidden, out_dim};
    double scale = h->opt_real(h, b->options, "scale");
    tfx_value up = b->param(b, "up", 2, up_shape, &normal, 0, 0);
    tfx_value down = b->param(b, "down", 2, down_shape, &normal, 0, 0);
    tfx_value inner = b->matmul(b, x, up, TFX_TRANS_B, 1.0);
    tfx_value squared = b->custom(b, h->opt_string(h, b->options, "op"), 1, &inner, 0, NULL, 1, &scale);
    squared = b->dropout(b, squared, h->opt_real(h, b->options, "dropout"));
    return b->matmul(b, squared, down, 0, 1.0);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class),
    "square_mlp",
    "feed-forward layer with a custom op",
    options,
    sizeof(options) / sizeof(*options),
    NULL,
    0,
    build,
};

/* A layer whose slot is filled with itself, unless the spec says otherwise: it never ends. */
static const tfx_slot slots[] = {TFX_SLOT("inner", "endless", "the layer inside")};

static tfx_value build_inner(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    return b->slot(b, "inner", x, out_dim);
}

static const tfx_layer_class endless = {
    sizeof(tfx_layer_class), "endless", "a layer in itself", NULL, 0, slots, 1, build_inner,
};

TFX_FACTORY(layer_factory, TFX_KIND_LAYER, &layer);
TFX_FACTORY(endless_factory, TFX_KIND_LAYER, &endless);
TFX_PLUGIN_OF("square_mlp", "1.0.0", "layers that tests need", &layer_factory, &endless_factory);
