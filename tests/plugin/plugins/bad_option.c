/* A choice without choices. */
#include "identity.h"
static const tfx_option options[] = {TFX_OPTION("mode", TFX_OPT_CHOICE, "fast", 0, 0, NULL, "a choice")};
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "bad_option", "test layer", options, 1, NULL, 0, identity_build,
};
TFX_PLUGIN("bad_option", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
