#include "framework/model/tree.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/classes.h"

/* Settings that belong to one layer, keys relative to it. `full` is the key as written. */
typedef struct keyed {
    const char *key;
    const tfx_setting *from;
} keyed;

typedef struct keyed_list {
    keyed *items;
    size_t n, cap;
} keyed_list;

static void layer_destroy(tfx_layer_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_children; i++)
        layer_destroy(c->children[i]);
    free(c->children);
    tfx_options_destroy(c->options);
    free(c->slot);
    free(c);
}

/* Whether key is `name`, or starts with "name."; *rest is what follows, or NULL. */
static int key_in(const char *key, const char *name, const char **rest)
{
    size_t n = strlen(name);
    if (strncmp(key, name, n) || (key[n] && key[n] != '.'))
        return 0;
    *rest = key[n] ? key + n + 1 : NULL;
    return 1;
}

/* The value set for `name` itself, and the settings below it. */
static const char *select_slot(const keyed_list *all, const char *name, keyed_list *below, const tfx_setting **at)
{
    const char *value = NULL, *rest;
    for (size_t i = 0; i < all->n; i++) {
        if (!key_in(all->items[i].key, name, &rest))
            continue;
        if (!rest) {
            value = all->items[i].from->value;
            *at = all->items[i].from;
        } else {
            keyed *k = TFX_APPEND(below->items, below->n, below->cap);
            *k = (keyed){rest, all->items[i].from};
        }
    }
    return value;
}

/* A key that neither an option nor a slot of the layer takes. */
static void fail_unknown_key(const tfx_layer_class *cls, const keyed *k, const char *path, tfx_error *err)
{
    char first[128];
    tfx_suggest known = {.name = first};
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(k->key, "."), k->key);
    for (size_t i = 0; i < cls->n_options; i++)
        tfx_suggest_add(&known, "%s", tfx_option_at(cls->options, i)->name);
    for (size_t i = 0; i < cls->n_slots; i++)
        tfx_suggest_add(&known, "%s", tfx_slot_at(cls->slots, i)->name);
    tfx_fail_at(err, k->from->file, k->from->line, "%s: layer '%s' (at %s) has no option or slot '%s'", k->from->key,
                cls->name, path, first);
    tfx_suggest_end(&known, "it has none", err);
}

/* A slot whose default is a layer with that very slot never ends. */
#define MAX_DEPTH 32

/* The layer `name` at `path` with the given settings; `at` is the setting that chose it. */
static tfx_layer_config *layer_create(const tfx_registry *registry, const char *slot, const char *path,
                                      const char *name, const tfx_setting *at, const tfx_model_spec *spec,
                                      const keyed_list *settings, tfx_error *err)
{
    const tfx_layer_class *cls = NULL;
    size_t depth = 0;
    for (const char *p = path; *p; p++)
        depth += *p == '.';
    if (depth > MAX_DEPTH)
        tfx_fail(err, TFX_E_INVALID, "layers are nested more than %d deep: is '%s' the default of a slot of its own?",
                 MAX_DEPTH, name);
    else
        cls = tfx_registry_find(registry, TFX_KIND_LAYER, name, err);
    if (!cls) {
        if (at)
            tfx_error_locate_in(err, at->file, at->line, "%s", at->key);
        else
            tfx_error_locate_in(err, spec->file, spec->line, "[model %s]: %s", spec->name, path);
        return NULL;
    }
    tfx_layer_config *c = TFX_NEW(tfx_layer_config);
    c->slot = tfx_strdup(slot);
    c->cls = cls;
    c->n_children = cls->n_slots;
    c->children = TFX_NEW_ARRAY(tfx_layer_config *, cls->n_slots);

    char *taken = TFX_NEW_ARRAY(char, settings->n);
    tfx_setting *own = TFX_NEW_ARRAY(tfx_setting, settings->n);
    size_t n_own = 0;
    char what[512];
    snprintf(what, sizeof(what), "[model %s]: layer %s (%s)", spec->name, path, cls->name);
    for (size_t i = 0; i < cls->n_slots && err->status == TFX_OK; i++) {
        const tfx_slot *s = tfx_slot_at(cls->slots, i);
        keyed_list below = {0};
        const tfx_setting *chosen = NULL;
        const char *rest, *child = select_slot(settings, s->name, &below, &chosen);
        for (size_t k = 0; k < settings->n; k++)
            taken[k] |= (char)key_in(settings->items[k].key, s->name, &rest);
        char *child_path = tfx_printf("%s.%s", path, s->name);
        if (!child && !s->def)
            tfx_fail_at(err, spec->file, spec->line, "[model %s]: slot %s of layer '%s' must be filled with a layer",
                        spec->name, child_path, cls->name);
        else
            c->children[i] = layer_create(registry, s->name, child_path, child ? child : s->def, chosen, spec,
                                          &below, err);
        free(child_path);
        free(below.items);
    }
    for (size_t k = 0; k < settings->n && err->status == TFX_OK; k++) {
        if (taken[k])
            continue;
        int known = 0;
        for (size_t i = 0; i < cls->n_options; i++)
            known |= !strcmp(tfx_option_at(cls->options, i)->name, settings->items[k].key);
        if (!known) {
            fail_unknown_key(cls, &settings->items[k], path, err);
        } else {
            own[n_own] = *settings->items[k].from;
            own[n_own++].key = settings->items[k].key;
        }
    }
    if (err->status == TFX_OK) {
        c->options = tfx_options_resolve(cls->options, cls->n_options, own, n_own, what, err);
        if (!c->options) /* where nothing was set: where it could be */
            tfx_error_locate(err, spec->file, spec->line);
    }
    free(taken);
    free(own);
    if (err->status != TFX_OK) {
        layer_destroy(c);
        return NULL;
    }
    return c;
}

/* A key below `blocks`: is it for one block ("3.ffn")? Then *block is its number. */
static int is_numbered(const char *key, int64_t *block, const char **rest)
{
    if (!isdigit((unsigned char)*key))
        return 0;
    char *end;
    *block = strtoll(key, &end, 10);
    if (*end && *end != '.')
        return 0;
    *rest = *end ? end + 1 : "";
    return 1;
}

/* Removes the setting for `part` of all blocks and, with `below`, those below it; an empty
 * part is the whole block. A block's own settings stay. */
static void drop_general(keyed_list *list, const char *part, int below)
{
    size_t kept = 0;
    for (size_t k = 0; k < list->n; k++) {
        const char *tail = list->items[k].key;
        int general = !isdigit((unsigned char)list->items[k].from->key[strlen("blocks.")]);
        if (!(general && (!*part || key_in(tail, part, &tail)) && (!tail || below)))
            list->items[kept++] = list->items[k];
    }
    list->n = kept;
}

/* The layer that all blocks have at `part`: what the settings say, or the default of the
 * slot; NULL when that cannot be told. `root` is the blocks' own layer. */
static const char *general_layer(const tfx_registry *registry, const keyed_list *below, const char *root,
                                 const char *part)
{
    const char *name = root;
    for (const char *at = part; *at && name;) {
        size_t n = strcspn(at, ".");
        tfx_error ignored = {0};
        const tfx_layer_class *cls = tfx_registry_find(registry, TFX_KIND_LAYER, name, &ignored);
        name = NULL;
        for (size_t i = 0; cls && i < cls->n_slots; i++) {
            const tfx_slot *slot = tfx_slot_at(cls->slots, i);
            if (strlen(slot->name) == n && !strncmp(slot->name, at, n))
                name = slot->def;
        }
        at += n;
        size_t length = (size_t)(at - part);
        for (size_t k = 0; k < below->n; k++)
            if (strlen(below->items[k].key) == length && !strncmp(below->items[k].key, part, length))
                name = below->items[k].from->value;
        at += *at == '.';
    }
    return name;
}

/* The settings of one block: those for all blocks, then its own on top. Where its own put
 * another layer into a place, the general settings below that place do not apply. */
static keyed_list settings_of_block(const tfx_registry *registry, const keyed_list *below, int64_t block,
                                    const char **name, const tfx_setting **at, int *has_own)
{
    const char *root = *name;
    keyed_list out = {0};
    int64_t number;
    const char *part;
    *has_own = 0;
    for (size_t i = 0; i < below->n; i++)
        if (!is_numbered(below->items[i].key, &number, &part))
            *TFX_APPEND(out.items, out.n, out.cap) = below->items[i];
    for (size_t i = 0; i < below->n; i++) {
        if (!is_numbered(below->items[i].key, &number, &part) || number != block)
            continue;
        const tfx_setting *own = below->items[i].from;
        const char *general = general_layer(registry, below, root, part);
        drop_general(&out, part, !general || strcmp(general, own->value));
        *has_own = 1;
        if (*part) {
            *TFX_APPEND(out.items, out.n, out.cap) = (keyed){part, own};
        } else {
            *name = own->value;
            *at = own;
        }
    }
    return out;
}

static void create_blocks(tfx_model *m, const tfx_registry *registry, const tfx_model_spec *spec,
                          const keyed_list *all, tfx_error *err)
{
    keyed_list below = {0};
    const tfx_setting *chosen = NULL;
    const char *general = select_slot(all, "blocks", &below, &chosen), *rest;
    if (!general)
        general = "block_prenorm";
    m->blocks = TFX_NEW_ARRAY(tfx_layer_config *, m->n_blocks);
    for (size_t i = 0; i < below.n && err->status == TFX_OK; i++) {
        int64_t number;
        if (is_numbered(below.items[i].key, &number, &rest) && number >= m->n_blocks)
            tfx_fail_at(err, below.items[i].from->file, below.items[i].from->line,
                        "%s: there is no block %lld; n_blocks is %lld, counted from 0", below.items[i].from->key,
                        (long long)number, (long long)m->n_blocks);
    }
    tfx_layer_config *shared = NULL;
    for (int64_t b = 0; b < m->n_blocks && err->status == TFX_OK; b++) {
        const char *name = general;
        const tfx_setting *at = chosen;
        int has_own;
        keyed_list own = settings_of_block(registry, &below, b, &name, &at, &has_own);
        char path[64];
        snprintf(path, sizeof(path), "blocks.%lld", (long long)b);
        if (!has_own && shared) {
            m->blocks[b] = shared;
        } else {
            m->blocks[b] = layer_create(registry, "blocks", has_own ? path : "blocks", name, at, spec, &own, err);
            if (!has_own)
                shared = m->blocks[b];
        }
        free(own.items);
    }
    free(below.items);
}

static tfx_layer_config *create_top(const tfx_registry *registry, const char *slot, const char *def,
                                    const tfx_model_spec *spec, const keyed_list *all, tfx_error *err)
{
    keyed_list below = {0};
    const tfx_setting *chosen = NULL;
    const char *name = select_slot(all, slot, &below, &chosen);
    tfx_layer_config *c = NULL;
    if (!name)
        name = def;
    if (!strcmp(slot, "head") && !strcmp(name, "tied")) {
        if (below.n)
            tfx_fail_at(err, below.items[0].from->file, below.items[0].from->line,
                        "%s: a tied head has no options; its factor is embedding.logit_scale",
                        below.items[0].from->key);
    } else {
        c = layer_create(registry, slot, slot, name, chosen, spec, &below, err);
    }
    free(below.items);
    return c;
}

tfx_model *tfx_model_create(const tfx_registry *registry, const tfx_model_spec *spec, tfx_error *err)
{
    static const char *const slots[] = {"embedding", "blocks", "norm", "head"};
    size_t n_decl;
    const tfx_option *decl = tfx_spec_declaration("model", &n_decl);
    keyed_list in_slots = {0};
    tfx_setting *own = TFX_NEW_ARRAY(tfx_setting, spec->n_settings);
    size_t n_own = 0;
    tfx_model *m = TFX_NEW(tfx_model);
    tfx_options *options = NULL;
    m->name = tfx_strdup(spec->name);
    for (size_t i = 0; i < spec->n_settings && err->status == TFX_OK; i++) {
        const tfx_setting *s = &spec->settings[i];
        const char *rest;
        tfx_suggest known = {.name = s->key};
        int in_slot = 0, is_option = 0;
        for (size_t k = 0; k < 4; k++) {
            in_slot |= key_in(s->key, slots[k], &rest);
            tfx_suggest_add(&known, "%s", slots[k]);
        }
        for (size_t k = 0; k < n_decl; k++) {
            is_option |= !strcmp(s->key, tfx_option_at(decl, k)->name);
            tfx_suggest_add(&known, "%s", tfx_option_at(decl, k)->name);
        }
        if (in_slot)
            *TFX_APPEND(in_slots.items, in_slots.n, in_slots.cap) = (keyed){s->key, s};
        else if (is_option)
            own[n_own++] = *s;
        else
            tfx_fail_at(err, s->file, s->line, "[model %s] has no key '%s'", spec->name, s->key);
        tfx_suggest_end(&known, NULL, err);
    }
    char *what = tfx_printf("[model %s]", spec->name);
    if (err->status == TFX_OK) {
        options = tfx_options_resolve(decl, n_decl, own, n_own, what, err);
        if (!options)
            tfx_error_locate(err, spec->file, spec->line);
    }
    if (options) {
        m->n_blocks = tfx_options_int(options, "n_blocks");
        m->dim = tfx_options_int(options, "dim");
        m->context = tfx_options_int(options, "context");
        m->vocab = tfx_options_int(options, "vocab");
        m->embedding = create_top(registry, "embedding", "embedding", spec, &in_slots, err);
        if (err->status == TFX_OK)
            create_blocks(m, registry, spec, &in_slots, err);
        if (err->status == TFX_OK)
            m->norm = create_top(registry, "norm", "layernorm", spec, &in_slots, err);
        if (err->status == TFX_OK)
            m->head = create_top(registry, "head", "tied", spec, &in_slots, err);
    }
    tfx_options_destroy(options);
    free(what);
    free(own);
    free(in_slots.items);
    if (err->status != TFX_OK) {
        tfx_model_destroy(m);
        return NULL;
    }
    return m;
}

void tfx_model_destroy(tfx_model *m)
{
    if (!m)
        return;
    for (int64_t b = 0; m->blocks && b < m->n_blocks; b++) {
        tfx_layer_config *c = m->blocks[b];
        if (!c)
            continue;
        for (int64_t a = b; a < m->n_blocks; a++) /* blocks may share one */
            if (m->blocks[a] == c)
                m->blocks[a] = NULL;
        layer_destroy(c);
    }
    free(m->blocks);
    layer_destroy(m->embedding);
    layer_destroy(m->norm);
    layer_destroy(m->head);
    free(m->name);
    free(m);
}

static void visit_layer(const tfx_layer_config *c, void (*visit)(void *ctx, const tfx_layer_class *cls), void *ctx)
{
    if (!c)
        return;
    visit(ctx, c->cls);
    for (size_t i = 0; i < c->n_children; i++)
        visit_layer(c->children[i], visit, ctx);
}

void tfx_model_visit(const tfx_model *m, void (*visit)(void *ctx, const tfx_layer_class *cls), void *ctx)
{
    visit_layer(m->embedding, visit, ctx);
    for (int64_t b = 0; b < m->n_blocks; b++)
        visit_layer(m->blocks[b], visit, ctx);
    visit_layer(m->norm, visit, ctx);
    visit_layer(m->head, visit, ctx);
}
