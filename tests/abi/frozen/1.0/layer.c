/* A plugin as somebody wrote it against ABI 1.0. It is compiled with the headers of that
 * version beside it, never with today's, and must keep loading and working. Do not modernise
 * it: its age is its purpose. */
#include "tfx/layer.h"
#include "tfx/optimizer.h"

static const char *const modes[] = {"plain", "gated", NULL};

static const tfx_option layer_options[] = {
    TFX_OPTION("hidden", TFX_OPT_INT, "3k", 1, 1e6, NULL, "hidden width"),
    TFX_OPTION("scale", TFX_OPT_REAL, "0.5", 0, 1, NULL, "scale of the output"),
    TFX_OPTION("mode", TFX_OPT_CHOICE, "gated", 0, 0, modes, "shape of the layer"),
};

static const tfx_slot layer_slots[] = {TFX_SLOT("inner", "linear", "what follows")};

static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    const tfx_host *h = b->host;
    tfx_init normal = tfx_init_normal(0.02);
    int64_t shape[2] = {h->opt_int(h, b->options, "hidden"), b->dim_of(b, x, -1)};
    if (shape[1] != b->dim)
        return b->error(b, "width %d", (int)shape[1]);
    tfx_value w = b->param(b, "w", 2, shape, &normal, 0, TFX_PARAM_NO_DECAY);
    tfx_value y = b->matmul(b, x, w, TFX_TRANS_B, h->opt_real(h, b->options, "scale"));
    if (h->opt_string(h, b->options, "mode")[0] == 'g')
        y = b->mul(b, y, b->unary(b, TFX_SILU, y));
    return b->slot(b, "inner", y, out_dim);
}

static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "frozen_1_0", "a layer of ABI 1.0", layer_options, 3, layer_slots, 1, build,
};

static tfx_status states(const tfx_host *host, const tfx_options *options, tfx_state *const *out, size_t *n)
{
    (void)options;
    if (host->abi_major != TFX_ABI_MAJOR)
        return host->fail(host, TFX_E_UNSUPPORTED, "major %u", host->abi_major);
    out[0]->struct_size = sizeof(tfx_state);
    out[0]->name = "velocity";
    out[0]->shape = TFX_STATE_LIKE_PARAM;
    out[0]->dtype = TFX_BF16;
    *n = 1;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    u->new_state[0] = b->add(b, u->state[0], u->grad);
    u->new_param = b->sub(b, u->param, b->mul(b, u->new_state[0], u->lr));
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class), "frozen_1_0", "an optimizer of ABI 1.0", NULL, 0, states, build_update,
};

static const tfx_factory layer_factory = {sizeof(tfx_factory), TFX_KIND_LAYER, &layer};
static const tfx_factory optimizer_factory = {sizeof(tfx_factory), TFX_KIND_OPTIMIZER, &optimizer};
static const tfx_factory *const factories[] = {&layer_factory, &optimizer_factory, NULL};

extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {
    sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_ABI_MINOR, "frozen_1_0", "1.0.0", "frozen at ABI 1.0", factories,
};
