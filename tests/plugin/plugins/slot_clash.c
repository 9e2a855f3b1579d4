/* A slot and an option share their name, which a spec could not tell apart. */
#include "identity.h"
static const tfx_option options[] = {TFX_OPTION("inner", TFX_OPT_INT, "1", 0, 0, NULL, "a number")};
static const tfx_slot slots[] = {TFX_SLOT("inner", NULL, "what is inside")};
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "slot_clash", "test layer", options, 1, slots, 1, identity_build,
};
TFX_PLUGIN("slot_clash", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
