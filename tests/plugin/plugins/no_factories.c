/* The list of factories is empty. */
#include "tfx/abi.h"
static const tfx_factory *const factories[] = {NULL};
extern TFX_EXPORT const tfx_plugin tfx_plugin_entry;
const tfx_plugin tfx_plugin_entry = {
    sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_NEEDS_MINOR, "no_factories", "1.0.0", "offers nothing", factories,
};
