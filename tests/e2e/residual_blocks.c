/* A plugin of the end-to-end tests: blocks that add to the stream in other ways than block_prenorm. */
#include "tfx/layer.h"

static const tfx_slot slots[] = {
    TFX_SLOT("mixer", "attention", "mixes information across positions"),
    TFX_SLOT("ffn", "mlp", "works on each position by itself"),
};

/* Both read the same stream: (x + mixer(n)) + ffn(n). */
static tfx_value build_parallel(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    tfx_value n = b->norm(b, TFX_NORM_RMS, x, 1e-5);
    tfx_value mixer = b->slot(b, "mixer", n, out_dim), ffn = b->slot(b, "ffn", n, out_dim);
    return b->add(b, b->add(b, x, mixer), ffn);
}

/* norm(2 x + f(x)), as DeepNorm has it. */
static tfx_value build_postnorm(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    x = b->norm(b, TFX_NORM_RMS, b->add(b, b->affine(b, x, 2, 0), b->slot(b, "mixer", x, out_dim)), 0);
    return b->norm(b, TFX_NORM_RMS, b->add(b, b->affine(b, x, 2, 0), b->slot(b, "ffn", x, out_dim)), 0);
}

static const tfx_layer_class parallel = {
    sizeof(tfx_layer_class), "parallel_block", "mixer and ffn side by side", NULL, 0, slots, 2, build_parallel,
};
static const tfx_layer_class postnorm = {
    sizeof(tfx_layer_class), "postnorm_block", "normalised after each addition", NULL, 0, slots, 2, build_postnorm,
};

TFX_FACTORY(parallel_factory, TFX_KIND_LAYER, &parallel);
TFX_FACTORY(postnorm_factory, TFX_KIND_LAYER, &postnorm);
TFX_PLUGIN_OF("residual_blocks", "1.0.0", "blocks that tests need", &parallel_factory, &postnorm_factory);
