/* An option's default lies outside its own range. */
#include "identity.h"
static const tfx_option options[] = {
    TFX_OPTION("fine", TFX_OPT_INT, "3", 1, 10, NULL, "a number"),
    TFX_OPTION("width", TFX_OPT_INT, "0", 1, 10, NULL, "a number"),
};
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "bad_default", "test layer", options, 2, NULL, 0, identity_build,
};
TFX_PLUGIN("bad_default", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
