/* Class settings: options of a class that are given as --set KEY=VALUE, as below it in a spec. Internal to framework/cli. */
#ifndef TFX_CLI_CLASS_SETTINGS_H
#define TFX_CLI_CLASS_SETTINGS_H

#include "framework/cli/cli.h"
#include "framework/plugin/options.h"

/* All zero: none. Of a key that is given several times the last value holds. */
typedef struct tfx_class_settings {
    tfx_setting *items;
    size_t n, cap;
    char **kept; /* what they point to */
    size_t n_kept, cap_kept;
} tfx_class_settings;

tfx_status tfx_class_settings_read(tfx_class_settings *s, const tfx_cli_args *a, tfx_error *err);
void tfx_class_settings_finish(tfx_class_settings *s);

#endif
