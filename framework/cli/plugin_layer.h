/* Plugin layer: the parameters and axes of a layer that was built alone. Internal to framework/cli. */
#ifndef TFX_CLI_PLUGIN_LAYER_H
#define TFX_CLI_PLUGIN_LAYER_H

#include "framework/model/layer_alone.h"

struct cJSON;

struct cJSON *tfx_plugin_layer_json(const tfx_layer_alone *a, const tfx_layer_sizes *sizes);
void tfx_plugin_layer_print(const tfx_layer_alone *a, const tfx_layer_sizes *sizes);

#endif
