/* A layer that returns its input: the least that a test plugin can offer. */
#ifndef TFX_TESTS_IDENTITY_H
#define TFX_TESTS_IDENTITY_H

#include "tfx/layer.h"

static inline tfx_value identity_build(const tfx_builder *b, tfx_value x, int64_t out_dim)
{
    (void)b, (void)out_dim;
    return x;
}

#define IDENTITY(class_name) \
    { \
        sizeof(tfx_layer_class), class_name, "returns its input", NULL, 0, NULL, 0, identity_build \
    }

/* TFX_PLUGIN with every member to choose. */
#define ENTRY(size, major, minor, plugin_name, class_ptr) \
    static const tfx_factory factory = {sizeof(tfx_factory), TFX_KIND_LAYER, class_ptr}; \
    static const tfx_factory *const factories[] = {&factory, NULL}; \
    extern TFX_EXPORT const tfx_plugin tfx_plugin_entry; \
    const tfx_plugin tfx_plugin_entry = {size, major, minor, plugin_name, "1.0.0", "test plugin", factories}

#endif
