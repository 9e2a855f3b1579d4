/* The same layer name twice in one plugin. */
#include "identity.h"
static const tfx_layer_class layer = IDENTITY("class_twice");
static const tfx_factory f = {sizeof(tfx_factory), TFX_KIND_LAYER, &layer};
static const tfx_factory *const factories[] = {&f, &f, NULL};
extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {
    sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_NEEDS_MINOR, "class_twice", "1.0.0", "test plugin", factories,
};
