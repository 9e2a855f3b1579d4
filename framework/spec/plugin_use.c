#include "framework/spec/plugin_use.h"

#include <string.h>

#include "framework/base/memory.h"

void tfx_plugin_use_finish(tfx_plugin_use *use)
{
    free(use->name);
    free(use->section);
    tfx_options_destroy(use->options);
    *use = (tfx_plugin_use){0};
}

/* `option` NULL: the message is about none. */
static void locate(const tfx_plugin_use *use, const char *option, tfx_error *err)
{
    int line = use->line;
    if (!option) {
        tfx_error_locate_in(err, use->file, use->line, "%s", use->section);
        return;
    }
    const char *file = tfx_options_origin(use->options, option, &line);
    if (!file)
        file = use->file, line = use->line;
    if (line)
        tfx_error_locate_in(err, file, line, "%s.%s", use->key, option);
    else /* the place is the key */
        tfx_error_locate(err, file, line);
}

static int has_value(const tfx_options *o, const char *name, const char *text, const char *value)
{
    size_t n;
    if (tfx_options_type(o, name) != TFX_OPT_STRING_LIST)
        return !strcmp(text, value);
    const char *const *list = tfx_options_string_list(o, name, &n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], value))
            return 1;
    return 0;
}

void tfx_plugin_use_locate(const tfx_plugin_use *use, tfx_error *err)
{
    const char *about = tfx_options_blamed(use->options, err->text), *name, *text;
    if (about) {
        /* The full key says it again. */
        size_t skip = strlen(about) + strlen(": ");
        memmove(err->text, err->text + skip, strlen(err->text + skip) + 1);
    }
    for (size_t i = 0; !about && i < tfx_options_count(use->options); i++) {
        tfx_options_at(use->options, i, &name, &text);
        if (*text && tfx_options_type(use->options, name) == TFX_OPT_PATH && strstr(err->text, text))
            about = name;
    }
    locate(use, about, err);
}

const char *tfx_plugin_use_option_with(const tfx_plugin_use *use, const char *value)
{
    const char *name, *text;
    for (size_t i = 0; i < tfx_options_count(use->options); i++) {
        tfx_options_at(use->options, i, &name, &text);
        if (has_value(use->options, name, text, value))
            return name;
    }
    return NULL;
}

void tfx_plugin_use_locate_value(const tfx_plugin_use *use, const char *value, tfx_error *err)
{
    locate(use, tfx_plugin_use_option_with(use, value), err);
}
