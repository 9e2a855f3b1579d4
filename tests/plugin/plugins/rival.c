/* Another plugin name, but the layer's name is taken: see shadow.c. */
#include "identity.h"
static const tfx_layer_class layer = IDENTITY("good");
TFX_PLUGIN("rival", "1.0.0", "offers a layer that good has too", TFX_KIND_LAYER, &layer);
