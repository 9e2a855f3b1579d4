#include "framework/spec/section_values.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/plugin/classes.h"
#include "framework/spec/declarations.h"
#include "framework/spec/keys.h"

/* A section while it is checked. */
typedef struct values {
    const tfx_ini_section *s, *arm;
    const tfx_option *decl;
    size_t n_decl;
    const char *plugin_key; /* NULL: the kind chooses none */
    tfx_class_info plugin;
    tfx_error *err;
} values;

/* The part of `key` that names an option of the chosen plugin, or NULL. */
static const char *plugin_part(const values *v, const char *key)
{
    return v->plugin_key && tfx_key_below(key, v->plugin_key) ? key + strlen(v->plugin_key) + 1 : NULL;
}

/* Whether an arm sets `key` of [train], as which it is to be shown. */
static int in_arm(const tfx_ini_section *arm, const char *key)
{
    char *full = tfx_printf("train.%s", key);
    int set = tfx_section_find(arm, full) != NULL;
    free(full);
    return set;
}

/* ---- unknown and missing keys ---- */

static void add_names(tfx_suggest *known, const char *prefix, const tfx_option *decl, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tfx_suggest_add(known, "%s%s%s", prefix, *prefix ? "." : "", tfx_option_at(decl, i)->name);
}

/* Messages about a key suggest from everything that the section may hold. */
static tfx_status fail_unknown(const values *v, const tfx_setting *s)
{
    tfx_suggest known = {.name = s->key, .prefix = in_arm(v->arm, s->key) ? "train." : ""};
    const char *instead = tfx_spec_removed(v->s->kind, s->key);
    if (instead)
        return tfx_fail_at(v->err, s->file, s->line, "key \"%s\" was removed: %s", s->key, instead);
    char title[160];
    add_names(&known, "", v->decl, v->n_decl);
    if (v->plugin_key)
        add_names(&known, v->plugin_key, v->plugin.options, v->plugin.n_options);
    if (!strcmp(v->s->kind, "arm")) {
        size_t n;
        const tfx_option *decl = tfx_spec_declaration("train", &n);
        add_names(&known, "train", decl, n);
    }
    if (plugin_part(v, s->key))
        tfx_fail_at(v->err, s->file, s->line, "unknown key \"%s%s\" of %s %s", known.prefix, s->key, v->plugin.kind,
                    v->plugin.name);
    else
        tfx_fail_at(v->err, s->file, s->line, "unknown key \"%s%s\" in %s", known.prefix, s->key,
                    tfx_section_title(title, *known.prefix ? v->arm : v->s));
    return tfx_suggest_end(&known, NULL, v->err);
}

static tfx_status check_required(const values *v, const char *prefix, const tfx_option *decl, size_t n)
{
    char title[160];
    for (size_t i = 0; i < n; i++) {
        const tfx_option *o = tfx_option_at(decl, i);
        char *key = tfx_printf("%s%s%s", prefix, *prefix ? "." : "", o->name);
        if (!o->def && !tfx_section_find(v->s, key)) {
            tfx_text expected = {0};
            tfx_option_expectation(&expected, o);
            tfx_fail_at(v->err, v->s->file, v->s->line, "%s: missing key \"%s\": expected %s (%s)",
                        tfx_section_title(title, v->s), key, expected.s, o->doc);
            tfx_text_free(&expected);
        }
        free(key);
        if (v->err->status != TFX_OK)
            break;
    }
    return v->err->status;
}

/* ---- the section ---- */

/* Parts the settings of the host from those of the plugin, which get the names that they have there. */
static void part_settings(const values *v, tfx_ini_section *host, tfx_ini_section *plugin)
{
    for (size_t i = 0; i < v->s->n_keys; i++) {
        tfx_setting one = v->s->keys[i];
        const char *part = plugin_part(v, one.key);
        one.key = part ? part : one.key;
        tfx_section_set(part ? plugin : host, &one);
    }
}

/* The value of a key that an arm overrides, read under the name that it has there. */
static tfx_status check_override(const values *v, const tfx_setting *s, const tfx_option *decl)
{
    char title[160], *full = tfx_printf("train.%s", s->key);
    tfx_option shown = *decl;
    tfx_setting one = *s;
    shown.name = one.key = full;
    tfx_options_destroy(tfx_options_resolve(&shown, 1, &one, 1, tfx_section_title(title, v->arm), v->err));
    free(full);
    return v->err->status;
}

/* A section by a declaration, in which `plugin_key` (NULL: none does) chooses a plugin of that kind. */
static tfx_status section_values(const tfx_registry *registry, values v, const char *plugin_kind, const char *def,
                                 tfx_options **host, tfx_plugin_use *use)
{
    const tfx_ini_section *s = v.s, *arm = v.arm;
    tfx_error *err = v.err;
    char title[160];
    tfx_ini_section mine = {0}, theirs = {0};

    *host = NULL;
    if (v.plugin_key) {
        const tfx_setting *chosen = tfx_section_find(s, v.plugin_key);
        const char *name = chosen ? chosen->value : def;
        int by_arm = in_arm(arm, v.plugin_key);
        *use = (tfx_plugin_use){.key = v.plugin_key, .file = s->file, .line = s->line};
        if (!name)
            return check_required(&v, "", tfx_option_find(v.decl, v.n_decl, v.plugin_key), 1);
        use->impl = tfx_registry_find(registry, plugin_kind, name, err);
        if (!use->impl) {
            if (by_arm)
                tfx_error_prefix(err, "%s: train.%s", tfx_section_title(title, arm), v.plugin_key);
            else
                tfx_error_prefix(err, "%s", v.plugin_key);
            tfx_error_locate(err, chosen ? chosen->file : s->file, chosen ? chosen->line : s->line);
            return err->status;
        }
        for (size_t i = 0; arm && i < arm->n_keys; i++)
            by_arm |= tfx_key_below(arm->keys[i].key, "train.optimizer");
        if (by_arm)
            use->key = "train.optimizer";
        use->name = tfx_strdup(name);
        use->section = tfx_strdup(tfx_section_title(title, by_arm ? arm : s));
        v.plugin = tfx_class_describe(plugin_kind, use->impl);
    }
    for (size_t i = 0; i < s->n_keys; i++) {
        const char *part = plugin_part(&v, s->keys[i].key);
        const tfx_option *decl = part ? tfx_option_find(v.plugin.options, v.plugin.n_options, part)
                                      : tfx_option_find(v.decl, v.n_decl, s->keys[i].key);
        if (!decl)
            fail_unknown(&v, &s->keys[i]);
        else if (in_arm(arm, s->keys[i].key))
            check_override(&v, &s->keys[i], decl);
        if (err->status != TFX_OK)
            goto done;
    }
    if (check_required(&v, "", v.decl, v.n_decl) != TFX_OK ||
        (v.plugin_key && check_required(&v, v.plugin_key, v.plugin.options, v.plugin.n_options) != TFX_OK))
        goto done;
    part_settings(&v, &mine, &theirs);
    *host = tfx_options_resolve(v.decl, v.n_decl, mine.keys, mine.n_keys, tfx_section_title(title, s), err);
    if (*host && v.plugin_key) {
        char *what = tfx_printf("%s %s", v.plugin.kind, v.plugin.name);
        use->options = tfx_options_resolve(v.plugin.options, v.plugin.n_options, theirs.keys, theirs.n_keys, what, err);
        free(what);
    }
done:
    free(mine.keys);
    free(theirs.keys);
    if (err->status != TFX_OK) {
        tfx_options_destroy(*host);
        *host = NULL;
        if (use)
            tfx_plugin_use_finish(use);
    }
    return err->status;
}

tfx_status tfx_section_values(const tfx_registry *registry, const tfx_ini_section *s, const tfx_ini_section *arm,
                              tfx_options **host, tfx_plugin_use *use, tfx_error *err)
{
    values v = {.s = s, .arm = arm, .err = err};
    const char *plugin_kind;
    v.decl = tfx_spec_declaration(s->kind, &v.n_decl);
    v.plugin_key = tfx_spec_plugin_key(s->kind, &plugin_kind);
    const char *def = v.plugin_key ? tfx_spec_default(s->kind, v.plugin_key) : NULL;
    return section_values(registry, v, plugin_kind, def, host, use);
}

tfx_status tfx_section_declared(const tfx_registry *registry, const tfx_ini_section *s, const tfx_option *decl,
                                size_t n_decl, const char *plugin_key, const char *plugin_kind, const char *def,
                                tfx_options **host, tfx_plugin_use *use, tfx_error *err)
{
    values v = {.s = s, .decl = decl, .n_decl = n_decl, .plugin_key = plugin_key, .err = err};
    return section_values(registry, v, plugin_kind, def, host, use);
}

tfx_status tfx_fail_keys(tfx_error *err, const tfx_options *o, const tfx_ini_section *s, const tfx_ini_section *arm,
                         const char *const *keys, const char *fmt, ...)
{
    char message[1024], title[160];
    const char *file = NULL;
    int line = 0, by_arm = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    for (; *keys && !file; keys++) {
        file = tfx_options_origin(o, *keys, &line);
        by_arm = file && in_arm(arm, *keys);
    }
    if (!file)
        file = s->file, line = s->line;
    if (by_arm)
        return tfx_fail_at(err, file, line, "%s: train.%s", tfx_section_title(title, arm), message);
    return tfx_fail_at(err, file, line, "%s", message);
}
