/* Another plugin of the name "good": wins from an earlier folder, conflicts in the same one. */
#include "identity.h"
static const tfx_layer_class layer = IDENTITY("good");
TFX_PLUGIN("good", "9.0.0", "takes good's place", TFX_KIND_LAYER, &layer);
