#include "framework/cli/class_settings.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/spec/keys.h"

static char *keep(tfx_class_settings *s, char *text)
{
    return *TFX_APPEND(s->kept, s->n_kept, s->cap_kept) = text;
}

static tfx_status parse(tfx_class_settings *s, const char *text, tfx_error *err)
{
    const char *equals = strchr(text, '=');
    char *key = tfx_trimmed(text, equals ? (size_t)(equals - text) : strlen(text)), **keys = NULL;
    size_t n = 0;
    const char *value = keep(s, tfx_trimmed(equals ? equals + 1 : "", equals ? strlen(equals + 1) : 0));
    const char *wrong = !equals ? "there is no \"=\"; expected KEY=VALUE" : tfx_key_expand(key, &keys, &n);
    if (!wrong)
        wrong = tfx_value_check(value);
    if (wrong)
        tfx_fail(err, TFX_E_INVALID, "--set %.100s: %s", text, wrong);
    for (size_t i = 0; i < n; i++) {
        const char *name = keep(s, keys[i]);
        size_t at = 0;
        while (at < s->n && strcmp(s->items[at].key, name))
            at++;
        if (at == s->n)
            (void)TFX_APPEND(s->items, s->n, s->cap);
        s->items[at] = (tfx_setting){.key = name, .value = value, .file = keep(s, tfx_printf("--set %s", name))};
    }
    free(keys);
    free(key);
    return err->status;
}

tfx_status tfx_class_settings_read(tfx_class_settings *s, const tfx_cli_args *a, tfx_error *err)
{
    size_t n;
    const char *const *sets = tfx_cli_values(a, "set", &n);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        parse(s, sets[i], err);
    return err->status;
}

void tfx_class_settings_finish(tfx_class_settings *s)
{
    for (size_t i = 0; i < s->n_kept; i++)
        free(s->kept[i]);
    free(s->kept);
    free(s->items);
    *s = (tfx_class_settings){0};
}
