/* n_options counts further than the array reaches: what follows is caught by its struct_size. */
#include "identity.h"
static const struct {
    tfx_option real, beyond;
} options = {TFX_OPTION("width", TFX_OPT_INT, "1", 0, 0, NULL, "a number"), {0}};
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "too_many_options", "test layer", &options.real, 2, NULL, 0, identity_build,
};
TFX_PLUGIN("too_many_options", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
