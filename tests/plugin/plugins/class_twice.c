/* The same layer name twice in one plugin. */
#include "identity.h"
static const tfx_layer_class layer = IDENTITY("class_twice");
TFX_FACTORY(f, TFX_KIND_LAYER, &layer);
TFX_PLUGIN_OF("class_twice", "1.0.0", "test plugin", &f, &f);
