#include "identity.h"
static const tfx_option options[] = {
    TFX_OPTION("width", TFX_OPT_INT, "1", 0, 0, NULL, "a number"),
    TFX_OPTION("width", TFX_OPT_INT, "2", 0, 0, NULL, "the same number"),
};
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "option_twice", "test layer", options, 2, NULL, 0, identity_build,
};
TFX_PLUGIN("option_twice", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
