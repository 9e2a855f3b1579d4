/* A layer in C++17: the headers and their macros must work there, too. */
#include "tfx/tfx.h"

namespace {

const tfx_option options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, "3k", 1, 1e6, nullptr, "hidden width"),
};

tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    tfx_init normal = tfx_init_normal(0.02);
    int64_t shape[] = {out_dim, b->dim_of(b, x, -1)};
    h->opt_int(h, b->options, "hidden");
    return b->matmul(b, x, b->param(b, "w", 2, shape, &normal, TFX_NOT_GROWABLE, 0), TFX_TRANS_B, 1.0);
}

const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "cxx_layer", "a layer in C++", options, 1, nullptr, 0, build,
};

const tfx_layer_class twin = {
    sizeof(tfx_layer_class), "cxx_twin", "another in the same file", options, 1, nullptr, 0, build,
};

TFX_FACTORY(layer_factory, TFX_KIND_LAYER, &layer);
TFX_FACTORY(twin_factory, TFX_KIND_LAYER, &twin);

static_assert(TFX_KIND_LAYER[0] == 't', "kinds are string literals");

} // namespace

TFX_PLUGIN_OF("cxx_layer", "1.0.0", "a plugin in C++", &layer_factory, &twin_factory);
