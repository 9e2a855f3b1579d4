/* One factory of a kind that no host knows beside one that is fine. */
#include "identity.h"
static const tfx_layer_class layer = IDENTITY("unknown_kind");
static const tfx_factory f_odd = {sizeof(tfx_factory), "tfx.telescope/1", &layer};
static const tfx_factory f_layer = {sizeof(tfx_factory), TFX_KIND_LAYER, &layer};
static const tfx_factory *const factories[] = {&f_odd, &f_layer, NULL};
extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {
    sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_NEEDS_MINOR, "unknown_kind", "1.0.0", "test plugin", factories,
};
