/* tfx plugin new: a plugin to start from, with its build file, a spec and a test. */
#include <stdio.h>

#include "framework/checkpoint/files.h"
#include "framework/cli/cli.h"
#include "framework/plugin/templates.h"

static int run(const tfx_cli_args *a, tfx_error *err)
{
    const char *name = tfx_cli_arg(a, 1), *folder = tfx_cli_value(a, "output");
    tfx_new_plugin p = {0};
    tfx_registry *r = tfx_registry_open(tfx_cli_plugin_dir(), err);
    if (!folder)
        folder = name;
    if (r && tfx_template_make(r, tfx_cli_arg(a, 0), name, &p, err) == TFX_OK &&
        tfx_write_new_dir(folder, p.n, p.names, p.texts, err) == TFX_OK) {
        for (size_t i = 0; i < p.n; i++)
            printf("%s/%s\n", folder, p.names[i]);
        const char *include = tfx_cli_source_include();
        printf("\ncd %s && make test", folder);
        if (include) /* pkg-config does not know it */
            printf(" TFX_INCLUDE=%s TFX_PROGRAM=%s", include, tfx_cli_program());
        printf("\n");
    }
    tfx_new_plugin_free(&p);
    tfx_registry_close(r);
    return 0;
}

static const tfx_cli_option options[] = {
    {"output", "DIR", 0, "the folder to make (default: NAME), which must not be there", 'o'},
    {NULL},
};

const tfx_command tfx_cmd_plugin_new = {
    "plugin new",
    "layer|optimizer|loader|scaling|operator|op|tokenizer|backend NAME [-o DIR]",
    "Write a plugin to start from: it builds, trains and passes its test.",
    "  tfx plugin new layer my_layer\n"
    "  cd my_layer && make test\n",
    options,
    2,
    2,
    run,
};
