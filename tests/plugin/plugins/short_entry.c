/* struct_size ends before the factories. */
#include "identity.h"
static const tfx_layer_class layer = IDENTITY("short_entry");
ENTRY(24, TFX_ABI_MAJOR, TFX_NEEDS_MINOR, "short_entry", &layer);
