/* Calls of layers; see call.h. */
#ifndef TFX_PLUGIN_LAYER_CALLS_H
#define TFX_PLUGIN_LAYER_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/layer.h"

/* The output of the layer at `path`: a value of b's graph whose last dimension is out_dim, or
 * TFX_POISON with the reason given to b->error. `plugin` is the file that the class is of; NULL: not known. */
tfx_value tfx_call_layer_build(const tfx_layer_class *cls, const char *plugin, const tfx_builder *b, const char *path,
                               tfx_value x, int64_t out_dim);

#endif
