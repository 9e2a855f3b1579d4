/* A mandatory function is NULL. */
#include "identity.h"
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "null_build", "cannot build", NULL, 0, NULL, 0, NULL,
};
TFX_PLUGIN("null_build", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
