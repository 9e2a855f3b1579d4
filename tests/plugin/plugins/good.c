/* Everything right: a layer with options and slots, and an optimizer, in one plugin. */
#include "identity.h"
#include "tfx/optimizer.h"

static const char *const colours[] = {"red", "green", NULL};
static const tfx_option options[] = {
    TFX_OPTION("width", TFX_OPT_INT, "4k", 1, 1e6, NULL, "width in numbers"),
    TFX_OPTION("rate", TFX_OPT_REAL, NULL, 0, 1, NULL, "rate per step"),
    TFX_OPTION("colour", TFX_OPT_CHOICE, "red", 0, 0, colours, "colour of the layer"),
};
static const tfx_slot slots[] = {TFX_SLOT("inner", "good", "what is inside")};
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "good", "a sound layer", options, 3, slots, 1, identity_build,
};

static tfx_status states(const tfx_host *host, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)host, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    (void)b;
    u->new_param = u->param;
    return TFX_OK;
}

static const tfx_optimizer_class optimizer = {
    sizeof(tfx_optimizer_class), "still", "changes nothing", NULL, 0, states, build_update,
};

TFX_FACTORY(f_layer, TFX_KIND_LAYER, &layer);
TFX_FACTORY(f_optimizer, TFX_KIND_OPTIMIZER, &optimizer);
TFX_PLUGIN_OF("good", "1.2.3", "a sound plugin", &f_layer, &f_optimizer);
