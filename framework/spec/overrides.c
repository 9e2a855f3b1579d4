#include "framework/spec/overrides.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/spec/keys.h"
#include "framework/spec/overlay.h"

tfx_status tfx_override_parse(const char *text, tfx_ini *ini, tfx_ini_section *set, tfx_error *err)
{
    const char *equals = strchr(text, '=');
    char *key = tfx_trimmed(text, equals ? (size_t)(equals - text) : strlen(text));
    const char *value = tfx_ini_keep(ini, tfx_trimmed(equals ? equals + 1 : "", equals ? strlen(equals + 1) : 0));
    char **keys = NULL;
    size_t n_keys = 0;
    const char *wrong = !equals ? "there is no \"=\"; expected section.key=value" : tfx_key_expand(key, &keys, &n_keys);
    if (!wrong)
        wrong = tfx_value_check(value);
    if (!wrong && strlen(value) > TFX_INI_MAX_LINE)
        wrong = "the value is too long";
    if (wrong)
        tfx_fail(err, TFX_E_INVALID, "--set %.100s: %s", text, wrong);
    for (size_t i = 0; i < n_keys; i++) {
        tfx_setting s = {tfx_ini_keep(ini, keys[i]), value, "--set", 0};
        tfx_section_set(set, &s);
    }
    free(keys);
    free(key);
    return err->status;
}

/* The setting under the key that it has within the section `kind` `name` (may be NULL). What --set says has no line;
 * its place is the whole key, which names one section also where the argument names several. */
static void set_as(tfx_ini *ini, tfx_ini_section *section, const char *kind, const char *name, const tfx_setting *s,
                   const char *key)
{
    tfx_setting one = {key, s->value, s->file, s->line};
    if (!s->line)
        one.file = tfx_ini_keep(ini, tfx_printf("--set %s%s%s.%s", kind, name ? "." : "", name ? name : "", key));
    tfx_section_set(section, &one);
}

static const char *vars_key(const tfx_setting *s)
{
    return tfx_key_below(s->key, "vars") ? s->key + 5 : NULL;
}

tfx_status tfx_override_vars(tfx_ini *ini, tfx_ini_section *vars, const tfx_setting *over, size_t n, tfx_error *err)
{
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        const char *name = vars_key(&over[i]);
        if (!name)
            continue;
        tfx_setting *old = tfx_section_find(vars, name);
        if (old) {
            set_as(ini, vars, "vars", NULL, &over[i], old->key);
            continue;
        }
        tfx_suggest known = {.name = name};
        for (size_t k = 0; k < vars->n_keys; k++)
            tfx_suggest_add(&known, "%s", vars->keys[k].key);
        tfx_fail_at(err, over[i].file, over[i].line, "%s: there is no variable \"%s\" in [vars]", over[i].key, name);
        tfx_suggest_end(&known, NULL, err);
    }
    return err->status;
}

/* An address no section answers to. */
static tfx_status fail_address(const tfx_ini *ini, const tfx_setting *s, const char *kind, const char *rest,
                               tfx_error *err)
{
    char *name = tfx_strndup(rest, strcspn(rest, "."));
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < ini->n_sections; i++)
        if (!strcmp(ini->sections[i].kind, kind))
            tfx_suggest_add(&known, "%s", ini->sections[i].name);
    tfx_fail_at(err, s->file, s->line, "%s: no [%s NAME] section fits %s.NAME.key or %s.*.key", s->key, kind, kind,
                kind);
    tfx_suggest_end(&known, "there is none", err);
    free(name);
    return err->status;
}

/* Adds the override to the layers of the sections it addresses. `wild` chooses between
 * addresses with "*" and those with a name, so that a name wins over "*". */
static tfx_status address(tfx_ini *ini, tfx_ini_section *layers, const tfx_setting *s, int wild, tfx_error *err)
{
    size_t n_kinds, length = strcspn(s->key, ".");
    const char *const *kinds = tfx_section_kinds(&n_kinds);
    char *kind = tfx_strndup(s->key, length);
    const char *rest = s->key[length] ? s->key + length + 1 : "";
    int named = 0, known = tfx_section_kind(kind, &named);

    if (!known || !strcmp(kind, "profile")) {
        tfx_suggest fitting = {.name = kind, .listed = 1};
        for (size_t i = 0; i < n_kinds; i++)
            if (strcmp(kinds[i], "profile"))
                tfx_suggest_add(&fitting, "%s", kinds[i]);
        tfx_fail_at(err, s->file, s->line,
                    "%s: no section is called \"%s\"; expected experiment, vars, data, train, "
                    "model.NAME, scaling.NAME, arm.NAME or sweep.NAME before the key",
                    s->key, kind);
        tfx_suggest_end(&fitting, NULL, err);
    } else if (!*rest) {
        tfx_fail_at(err, s->file, s->line, "%s: expected %s%s.key", s->key, kind, named ? ".NAME" : "");
    } else if (!strcmp(kind, "experiment") && !strcmp(rest, "extends")) {
        tfx_fail_at(err, s->file, s->line, "%s can be set only in the [experiment] of a file", s->key);
    } else if (!named) {
        if (strchr(rest, '*'))
            tfx_fail_at(err, s->file, s->line, "%s: \"*\" stands for the name of a section; [%s] has none", s->key,
                        kind);
        for (size_t i = 0; i < ini->n_sections && !wild; i++)
            if (!strcmp(ini->sections[i].kind, kind))
                set_as(ini, &layers[i], kind, NULL, s, rest);
    } else if (!strncmp(rest, "*.", 2)) {
        int found = 0;
        for (size_t i = 0; i < ini->n_sections; i++) {
            if (strcmp(ini->sections[i].kind, kind))
                continue;
            found = 1;
            if (wild)
                set_as(ini, &layers[i], kind, ini->sections[i].name, s, rest + 2);
        }
        if (!found)
            tfx_fail_at(err, s->file, s->line, "%s: the spec has no [%s NAME] section", s->key, kind);
        else if (strchr(rest + 1, '*'))
            tfx_fail_at(err, s->file, s->line, "%s: \"*\" can stand only for the name of a section", s->key);
    } else {
        size_t best = ini->n_sections;
        for (size_t i = 0; i < ini->n_sections; i++)
            if (!strcmp(ini->sections[i].kind, kind) && tfx_key_below(rest, ini->sections[i].name) &&
                (best == ini->n_sections || strlen(ini->sections[i].name) > strlen(ini->sections[best].name)))
                best = i;
        if (best == ini->n_sections)
            fail_address(ini, s, kind, rest, err);
        else if (strchr(rest, '*'))
            tfx_fail_at(err, s->file, s->line, "%s: \"*\" can stand only for the name of a section", s->key);
        else if (!wild)
            set_as(ini, &layers[best], kind, ini->sections[best].name, s, rest + strlen(ini->sections[best].name) + 1);
    }
    free(kind);
    return err->status;
}

tfx_status tfx_override_sections(const tfx_registry *registry, tfx_ini *ini, const tfx_setting *over, size_t n,
                                 int apply, tfx_error *err)
{
    static const char *const nameless[] = {"experiment", "data", "train"};
    for (size_t i = 0; i < sizeof(nameless) / sizeof(*nameless) && apply; i++) {
        const tfx_setting *first = NULL;
        for (size_t k = 0; k < n && !first; k++)
            if (tfx_key_below(over[k].key, nameless[i]))
                first = &over[k];
        if (first && !tfx_ini_find(ini, nameless[i], NULL))
            tfx_ini_add_section(ini, nameless[i], NULL, first->file, first->line);
    }
    tfx_ini_section *layers = TFX_NEW_ARRAY(tfx_ini_section, ini->n_sections); /* the overrides of each */
    for (int wild = 1; wild >= 0; wild--)
        for (size_t i = 0; i < n && err->status == TFX_OK; i++)
            if (!vars_key(&over[i]))
                address(ini, layers, &over[i], wild, err);
    /* Arms last: what they leave unsaid is decided by [train]. */
    for (int arms = 0; arms <= 1 && apply && err->status == TFX_OK; arms++)
        for (size_t i = 0; i < ini->n_sections; i++)
            if (arms == !strcmp(ini->sections[i].kind, "arm"))
                tfx_section_overlay(registry, ini, &ini->sections[i], layers[i].keys, layers[i].n_keys);
    for (size_t i = 0; i < ini->n_sections; i++)
        free(layers[i].keys);
    free(layers);
    return err->status;
}
