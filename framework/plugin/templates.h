/* Templates: what a new plugin of each kind starts from. They are the files of tools/plugin-template/, which compile as
 * they are; the word my_plugin in them, and in their names, stands for the plugin's name. */
#ifndef TFX_PLUGIN_TEMPLATES_H
#define TFX_PLUGIN_TEMPLATES_H

#include "framework/plugin/registry.h"

enum { TFX_TEMPLATE_FILES = 8, TFX_TEMPLATE_NAME_LIMIT = 48 };

/* The files of a plugin, owned. */
typedef struct tfx_new_plugin {
    char *names[TFX_TEMPLATE_FILES], *texts[TFX_TEMPLATE_FILES];
    size_t n;
} tfx_new_plugin;

/* "layer, optimizer, ..." */
const char *tfx_template_kinds(void);

/* Fills *out with a plugin of that kind ("layer") and name. Refused are an unknown kind, a name that is no C identifier,
 * and one that a plugin or class of the registry has. */
tfx_status tfx_template_make(const tfx_registry *r, const char *kind, const char *name, tfx_new_plugin *out,
                             tfx_error *err);
void tfx_new_plugin_free(tfx_new_plugin *p);

#endif
