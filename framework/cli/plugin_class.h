/* Plugin class: a class as it declares itself, as JSON and as text. Internal to framework/cli. */
#ifndef TFX_CLI_PLUGIN_CLASS_H
#define TFX_CLI_PLUGIN_CLASS_H

#include "framework/plugin/registry.h"

struct cJSON;

/* The plugin whose class of this name is used instead; NULL: this one is used. */
const tfx_loaded_plugin *tfx_plugin_replaced_by(const tfx_registry *r, const tfx_factory *f);

/* Of a known kind; with `detail` its options, slots and what else its kind has. The caller deletes it. */
struct cJSON *tfx_plugin_class_json(const tfx_registry *r, const tfx_factory *f, int detail);
/* The same to stdout. */
void tfx_plugin_class_print(const tfx_registry *r, const tfx_factory *f);

#endif
