/* Plugin built: what a layer or an optimizer makes of given options: its parameters, its state. Internal to framework/cli. */
#ifndef TFX_CLI_PLUGIN_BUILT_H
#define TFX_CLI_PLUGIN_BUILT_H

#include "framework/cli/class_settings.h"
#include "framework/model/layer_alone.h"

struct cJSON;

/* Members of tfx_cli_options. */
#define TFX_CLI_DIM_OPTION "dim", "N", 0, "of a layer: show the parameters that it has for inputs of this width"
#define TFX_CLI_OUT_DIM_OPTION "out-dim", "N", 0, "and for outputs of this one (default: that of the input)"
#define TFX_CLI_CONTEXT_OPTION "context", "N", 0, "in a model of so many tokens per row (default: 128)"
#define TFX_CLI_VOCAB_OPTION "vocab", "N", 0, "and of so many different tokens (default: 256)"
#define TFX_CLI_SET_CLASS_OPTION \
    "set", "KEY=VALUE", 1, "an option or slot of the layer or optimizer, as below it in a spec"

/* All zero: nothing is. */
typedef struct tfx_plugin_built {
    const tfx_layer_class *layer; /* NULL: no sizes were given */
    tfx_layer_sizes sizes;
    tfx_layer_alone alone;
    const tfx_optimizer_class *optimizer; /* NULL: it is none, or has options that must be given and are not */
    tfx_state states[TFX_MAX_STATES];
    size_t n_states;
    tfx_options *options; /* of the optimizer; names of states may live there */
    tfx_class_settings settings;
} tfx_plugin_built;

/* Whether the arguments ask for anything to be built. */
int tfx_plugin_builds(const tfx_cli_args *a);
/* What the arguments ask for of the class `name`. */
tfx_status tfx_plugin_build(tfx_plugin_built *b, const tfx_registry *r, const char *name, const tfx_cli_args *a,
                            tfx_error *err);
void tfx_plugin_built_finish(tfx_plugin_built *b);

/* Adds what is known to the JSON of the class with this table, or prints it. */
void tfx_plugin_built_add(const tfx_plugin_built *b, const void *impl, struct cJSON *json);
void tfx_plugin_built_print(const tfx_plugin_built *b, const void *impl);

#endif
