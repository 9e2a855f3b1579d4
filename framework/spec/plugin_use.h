/* Plugin use: a plugin class that the spec chose, with its resolved options and the place
 * where it was chosen. */
#ifndef TFX_SPEC_PLUGIN_USE_H
#define TFX_SPEC_PLUGIN_USE_H

#include "framework/plugin/options.h"

typedef struct tfx_plugin_use {
    char *name;
    const void *impl; /* class table of the kind that the place calls for */
    tfx_options *options;
    const char *key;  /* that chose it ("policy"); its options are below that key */
    char *section;    /* "[scaling grow]" */
    const char *file; /* where the section starts; lives as long as the experiment */
    int line;
} tfx_plugin_use;

void tfx_plugin_use_finish(tfx_plugin_use *use);

/* Puts before a message of the plugin where the spec set what it is about: the option whose
 * name it starts with (see tfx_host.fail), else a path option whose value it contains, else
 * the section. */
void tfx_plugin_use_locate(const tfx_plugin_use *use, tfx_error *err);
/* The same for the option that has `value`, by itself or in its list. */
void tfx_plugin_use_locate_value(const tfx_plugin_use *use, const char *value, tfx_error *err);
/* The first option that has it; NULL: none has. */
const char *tfx_plugin_use_option_with(const tfx_plugin_use *use, const char *value);

#endif
