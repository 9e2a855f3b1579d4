#include "identity.h"
static const tfx_layer_class layer = IDENTITY("null_name");
ENTRY(sizeof(tfx_plugin), TFX_ABI_MAJOR, TFX_NEEDS_MINOR, NULL, &layer);
