#include "framework/spec/extension.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/spec/ini.h"

static tfx_ini *parse(const char *text, const char *file, tfx_error *err)
{
    return tfx_ini_parse(text, strlen(text), file, TFX_INI_MAX_RESOLVED_LINE, err);
}

/* What all arms have in common stands in [train]. One more arm may be all that takes a key out of there, so arms are
 * compared with the whole of their settings. */
static void complete_arms(tfx_ini *ini)
{
    const tfx_ini_section *train = tfx_ini_find(ini, "train", NULL);
    for (size_t i = 0; i < ini->n_sections; i++) {
        tfx_ini_section *arm = &ini->sections[i];
        if (strcmp(arm->kind, "arm") != 0)
            continue;
        for (size_t k = 0; train && k < train->n_keys; k++) {
            tfx_setting s = train->keys[k];
            s.key = tfx_ini_keep(ini, tfx_printf("train.%s", s.key));
            if (!tfx_section_find(arm, s.key))
                tfx_section_set(arm, &s);
        }
    }
}

/* Whether each number of the one list is in the other. */
static int has_all(const char *list, const char *of)
{
    int all = 1;
    char *copy = tfx_strdup(of), *rest = copy, *word;
    while (all && (word = strtok_r(rest, ", ", &rest))) {
        char *other = tfx_strdup(list), *next = other, *seed;
        int found = 0;
        while (!found && (seed = strtok_r(next, ", ", &next)))
            found = !strcmp(seed, word);
        all = found;
        free(other);
    }
    free(copy);
    return all;
}

static int may_differ(const tfx_ini_section *s, const tfx_setting *before, const tfx_setting *now)
{
    if (strcmp(s->kind, "experiment") != 0)
        return 0;
    const char *key = before ? before->key : now->key;
    return !strcmp(key, "description") ||
           (before && now && !strcmp(key, "seeds") && has_all(now->value, before->value));
}

/* Either of the two may be NULL. */
static tfx_status compare(const tfx_ini_section *s, const char *file, const tfx_setting *before, const tfx_setting *now,
                          tfx_error *err)
{
    char title[256];
    if ((before && now && !strcmp(before->value, now->value)) || may_differ(s, before, now))
        return TFX_OK;
    return tfx_fail(err, TFX_E_INVALID, "%s: %s %s: recorded %s, found %s", file, tfx_section_title(title, s),
                    before ? before->key : now->key, before ? before->value : "none", now ? now->value : "none");
}

static tfx_status compare_sections(const tfx_ini_section *before, const tfx_ini_section *now, const char *file,
                                   tfx_error *err)
{
    for (size_t i = 0; i < before->n_keys && err->status == TFX_OK; i++)
        compare(before, file, &before->keys[i], tfx_section_find(now, before->keys[i].key), err);
    for (size_t i = 0; i < now->n_keys && err->status == TFX_OK; i++)
        if (!tfx_section_find(before, now->keys[i].key))
            compare(now, file, NULL, &now->keys[i], err);
    return err->status;
}

/* Whether a value anywhere names it: models and scalings may stand there, in a file that others extend, for nobody here. */
static int is_used(const tfx_ini *ini, const tfx_ini_section *s)
{
    int used = strcmp(s->kind, "model") != 0 && strcmp(s->kind, "scaling") != 0;
    for (size_t i = 0; i < ini->n_sections; i++)
        for (size_t k = 0; k < ini->sections[i].n_keys && !used; k++)
            used = has_all(ini->sections[i].keys[k].value, s->name);
    return used;
}

tfx_status tfx_spec_extends(const char *before, const char *now, const char *file, tfx_error *err)
{
    tfx_ini *recorded = parse(before, "the recorded spec", err), *longer = recorded ? parse(now, file, err) : NULL;
    if (longer) {
        complete_arms(recorded);
        complete_arms(longer);
    }
    for (size_t i = 0; longer && i < recorded->n_sections && err->status == TFX_OK; i++) {
        const tfx_ini_section *s = &recorded->sections[i], *same = tfx_ini_find(longer, s->kind, s->name);
        char title[256];
        if (!strcmp(s->kind, "train") || !is_used(recorded, s)) /* the first is in the arms */
            continue;
        if (same)
            compare_sections(s, same, file, err);
        else
            tfx_fail(err, TFX_E_INVALID, "%s: expected %s, which was recorded; found none", file,
                     tfx_section_title(title, s));
    }
    tfx_ini_destroy(recorded);
    tfx_ini_destroy(longer);
    return err->status;
}
