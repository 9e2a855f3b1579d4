#include "framework/spec/group_values.h"

#include <assert.h>
#include <fnmatch.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/spec/declarations.h"
#include "framework/spec/keys.h"

#define PARENT "group"

enum { MATCH, LR, DECAY, FREEZE, N_KEYS };
static_assert(N_KEYS == TFX_N_GROUP_KEYS, "one text for each key");

/* The name in "group.NAME.KEY"; heap. NULL, with a message, when the key is none of that form. */
static char *name_in(const tfx_setting *s, const char *shown, tfx_error *err)
{
    const char *name = s->key + strlen(PARENT) + 1, *dot = strchr(name, '.');
    if (dot && !strchr(dot + 1, '.'))
        return tfx_strndup(name, (size_t)(dot - name));
    tfx_fail_at(err, s->file, s->line, "%s%s: expected group.NAME.KEY, where KEY is match, lr, decay or freeze", shown,
                s->key);
    return NULL;
}

static tfx_param_group *find(tfx_train_config *t, const char *name)
{
    for (size_t i = 0; i < t->n_groups; i++)
        if (!strcmp(t->groups[i].name, name))
            return &t->groups[i];
    return NULL;
}

/* Whether an arm sets one of its keys: then messages have the names that these have there. */
static int in_arm(const tfx_ini_section *arm, const char *name)
{
    char *parent = tfx_printf("train." PARENT ".%s", name);
    int in = 0;
    for (size_t i = 0; arm && i < arm->n_keys; i++)
        in |= tfx_key_below(arm->keys[i].key, parent);
    free(parent);
    return in;
}

static void take_values(tfx_param_group *g, const tfx_options *o, const tfx_option *decl)
{
    size_t n;
    const char *const *match = tfx_options_string_list(o, decl[MATCH].name, &n);
    g->match = TFX_NEW_ARRAY(char *, n);
    for (size_t i = 0; i < n; i++)
        if (*match[i])
            g->match[g->n_match++] = tfx_strdup(match[i]);
    g->lr = tfx_options_real(o, decl[LR].name);
    const char *decay = tfx_options_string(o, decl[DECAY].name);
    g->decay = !strcmp(decay, "default") ? -1 : !strcmp(decay, "yes");
    g->freeze = tfx_options_bool(o, decl[FREEZE].name);
    for (int k = 0; k < N_KEYS; k++)
        g->texts[k] = tfx_strdup(tfx_options_text(o, decl[k].name));
}

static tfx_status read_group(const tfx_ini_section *all, const tfx_ini_section *arm, tfx_param_group *g, tfx_error *err)
{
    size_t n;
    const tfx_option *bare = tfx_spec_declaration(PARENT, &n);
    const char *shown = in_arm(arm, g->name) ? "train." : "";
    char *names[N_KEYS], *parent = tfx_printf(PARENT ".%s", g->name);
    tfx_option decl[N_KEYS];
    tfx_ini_section mine = {0};
    char **keys = TFX_NEW_ARRAY(char *, all->n_keys);
    size_t n_keys = 0;
    for (int k = 0; k < N_KEYS; k++) {
        decl[k] = *tfx_option_at(bare, (size_t)k);
        decl[k].name = names[k] = tfx_printf("%s%s.%s", shown, parent, decl[k].name);
    }
    for (size_t i = 0; i < all->n_keys; i++) {
        if (!tfx_key_below(all->keys[i].key, parent))
            continue;
        tfx_setting one = all->keys[i];
        one.key = keys[n_keys++] = tfx_printf("%s%s", shown, one.key);
        tfx_section_set(&mine, &one);
    }
    char title[160];
    tfx_options *o = tfx_options_resolve(decl, N_KEYS, mine.keys, mine.n_keys,
                                         tfx_section_title(title, *shown ? arm : all), err);
    if (o)
        take_values(g, o, decl);
    if (o && !g->n_match && !tfx_section_find(&mine, names[MATCH]))
        tfx_fail_at(err, g->file, g->line, "%s: missing key: expected patterns of parameters' paths, as in \"*.key\"",
                    names[MATCH]);
    tfx_options_destroy(o);
    for (size_t i = 0; i < n_keys; i++)
        free(keys[i]);
    for (int k = 0; k < N_KEYS; k++)
        free(names[k]);
    free(keys);
    free(mine.keys);
    free(parent);
    return err->status;
}

static void finish(tfx_param_group *g)
{
    for (size_t i = 0; i < g->n_match; i++)
        free(g->match[i]);
    for (int k = 0; k < N_KEYS; k++)
        free(g->texts[k]);
    free(g->match);
    free(g->name);
    *g = (tfx_param_group){0};
}

void tfx_groups_finish(tfx_train_config *t)
{
    for (size_t i = 0; i < t->n_groups; i++)
        finish(&t->groups[i]);
    free(t->groups);
    t->groups = NULL;
    t->n_groups = 0;
}

tfx_status tfx_group_values(tfx_ini_section *all, const tfx_ini_section *arm, tfx_train_config *out, tfx_error *err)
{
    size_t cap = 0, kept = 0;
    for (size_t i = 0; i < all->n_keys && err->status == TFX_OK; i++) {
        const tfx_setting *s = &all->keys[i];
        if (!tfx_key_below(s->key, PARENT))
            continue;
        char *full = tfx_printf("train.%s", s->key), *name;
        name = name_in(s, arm && tfx_section_find(arm, full) ? "train." : "", err);
        free(full);
        if (name && !find(out, name))
            *TFX_APPEND(out->groups, out->n_groups,
                        cap) = (tfx_param_group){.name = name, .file = s->file, .line = s->line};
        else
            free(name);
    }
    for (size_t i = 0; i < out->n_groups && err->status == TFX_OK; i++)
        read_group(all, arm, &out->groups[i], err);
    for (size_t i = 0; i < all->n_keys; i++)
        if (!tfx_key_below(all->keys[i].key, PARENT))
            all->keys[kept++] = all->keys[i];
    all->n_keys = kept;
    kept = 0;
    for (size_t i = 0; i < out->n_groups; i++) /* `match =` with nothing: there is no such group after all */
        if (out->groups[i].n_match || err->status != TFX_OK)
            out->groups[kept++] = out->groups[i];
        else
            finish(&out->groups[i]);
    out->n_groups = kept;
    return err->status;
}

const char *tfx_group_text(const tfx_param_group *g, size_t i, const char **value)
{
    size_t n;
    const tfx_option *decl = tfx_spec_declaration(PARENT, &n);
    if (i >= n)
        return NULL;
    *value = g->texts[i];
    return tfx_option_at(decl, i)->name;
}

int tfx_param_group_has(const tfx_param_group *g, const char *path)
{
    for (size_t i = 0; i < g->n_match; i++)
        if (fnmatch(g->match[i], path, FNM_NOESCAPE) == 0)
            return 1;
    return 0;
}

const tfx_param_group *tfx_param_group_of(const tfx_train_config *t, const char *path)
{
    for (size_t i = 0; i < t->n_groups; i++)
        if (tfx_param_group_has(&t->groups[i], path))
            return &t->groups[i];
    return NULL;
}
