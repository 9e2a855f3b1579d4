/* Calls a function of the host by its name, which rule 3 of the ABI forbids. */
#include "identity.h"
extern void tfx_no_such_function(void);
static tfx_value build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)b, (void)out_dim;
    tfx_no_such_function();
    return x;
}
static const tfx_layer_class layer = {
    sizeof(tfx_layer_class), "links_host", "test layer", NULL, 0, NULL, 0, build,
};
TFX_PLUGIN("links_host", "1.0.0", "test plugin", TFX_KIND_LAYER, &layer);
