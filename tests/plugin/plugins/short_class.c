/* The class table ends before its last member. */
#include "identity.h"
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class) - 8, "short_class", "too short", NULL, 0, NULL, 0, identity_build,
};
TFX_PLUGIN("short_class", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
