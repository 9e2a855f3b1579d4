#include "framework/spec/overlay.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/spec/declarations.h"
#include "framework/spec/keys.h"
#include "framework/spec/sockets.h"

/* What a key is worth in a section, whether the section says so or not; NULL: nothing says. */
static const char *value_at(const tfx_registry *registry, const tfx_ini *ini, const tfx_ini_section *s, const char *key)
{
    if (!strcmp(s->kind, "model"))
        return tfx_layer_at(registry, s->keys, s->n_keys, key);
    const tfx_setting *own = tfx_section_find(s, key);
    if (own)
        return own->value;
    if (strcmp(s->kind, "arm") || !tfx_key_below(key, "train"))
        return tfx_spec_default(s->kind, key);
    own = tfx_section_find(tfx_ini_find(ini, "train", NULL), key + strlen("train."));
    return own ? own->value : tfx_spec_default("train", key + strlen("train."));
}

/* Whether one of the settings may change what is at `place`: it is about it, or about the same
 * place in all blocks. */
static int is_about(const tfx_setting *over, size_t n, const char *place)
{
    char *general = tfx_key_general(place);
    int about = 0;
    for (size_t i = 0; i < n && !about; i++)
        about = !strcmp(over[i].key, place) || (general && !strcmp(over[i].key, general));
    free(general);
    return about;
}

/* What is below `start` in an arm are no options of a plugin: they hold for another start, too. */
static int may_choose_plugin(const tfx_ini_section *s, const char *place)
{
    return strcmp(s->kind, "arm") || tfx_key_below(place, "train");
}

/* `steps`, `tokens` and `flops` say one thing in three ways: that of the upper layer displaces the others. */
static int is_displaced(const char *key, const tfx_setting *over, size_t n)
{
    const char *dot = strrchr(key, '.'), *leaf = dot ? dot + 1 : key;
    int displaced = 0;
    for (size_t i = 0; i < n && tfx_key_is_length(leaf); i++)
        displaced |= !strncmp(over[i].key, key, (size_t)(leaf - key)) &&
                     tfx_key_is_length(over[i].key + (leaf - key)) && strcmp(over[i].key, key) && *over[i].value &&
                     strcmp(over[i].value, "0");
    return displaced;
}

void tfx_section_overlay(const tfx_registry *registry, const tfx_ini *ini, tfx_ini_section *base,
                         const tfx_setting *over, size_t n)
{
    tfx_ini_section old = *base, new = {.kind = base->kind};
    tfx_section_set_all(&new, old.keys, old.n_keys);
    tfx_section_set_all(&new, over, n);

    size_t kept = 0;
    for (size_t i = 0; i < old.n_keys; i++) {
        char *place = tfx_strdup(old.keys[i].key);
        int stays = !strcmp(base->kind, "model") || !is_displaced(place, over, n);
        for (char *dot = strrchr(place, '.'); dot && stays; dot = strrchr(place, '.')) {
            *dot = 0;
            if (!may_choose_plugin(base, place) || !is_about(over, n, place))
                continue;
            const char *before = value_at(registry, ini, &old, place), *now = value_at(registry, ini, &new, place);
            stays = !before || (now && !strcmp(before, now));
        }
        free(place);
        if (stays)
            base->keys[kept++] = old.keys[i];
    }
    base->n_keys = kept;
    tfx_section_set_all(base, over, n);
    free(new.keys);
}
