#include "framework/spec/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/classes.h"
#include "framework/spec/sockets.h"

void tfx_layer_config_destroy(tfx_layer_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_children; i++)
        tfx_layer_config_destroy(c->children[i]);
    free(c->children);
    tfx_options_destroy(c->options);
    free(c->socket);
    free(c);
}

/* A key that neither an option nor a socket of the layer takes. */
static void fail_unknown_key(const tfx_layer_class *cls, const tfx_layer_setting *k, const char *path, tfx_error *err)
{
    char first[128];
    tfx_suggest known = {.name = first};
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(k->key, "."), k->key);
    for (size_t i = 0; i < cls->n_options; i++)
        tfx_suggest_add(&known, "%s", tfx_option_at(cls->options, i)->name);
    for (size_t i = 0; i < cls->n_slots; i++)
        tfx_suggest_add(&known, "%s", tfx_socket_at(cls->slots, i)->name);
    tfx_fail_at(err, k->from->file, k->from->line, "%s: layer '%s' (at %s) has no option or slot '%s'", k->from->key,
                cls->name, path, first);
    tfx_suggest_end(&known, "it has none", err);
}

static int has_option(const tfx_option *options, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(tfx_option_at(options, i)->name, name))
            return 1;
    return 0;
}

/* Whether a setting is about a socket of the layer, or chose the layer itself. */
static int is_elsewhere(const tfx_slot *sockets, size_t n, const char *key)
{
    size_t length = strcspn(key, ".");
    for (size_t i = 0; i < n; i++) {
        const char *name = tfx_socket_at(sockets, i)->name;
        if (strlen(name) == length && !strncmp(name, key, length))
            return 1;
    }
    return !*key;
}

/* ---- layers ---- */

/* How messages about a layer begin: "[model small]: ", or with nothing where it is in no model. */
static const char *in_model(const tfx_model_spec *spec, char *buf, size_t size)
{
    *buf = '\0';
    if (spec->name)
        snprintf(buf, size, "[model %s]: ", spec->name);
    return buf;
}

/* A socket whose default is a layer with that very socket never ends. */
#define MAX_DEPTH 32

static const tfx_layer_class *find_class(const tfx_registry *registry, const char *path, const char *name,
                                         const tfx_setting *chosen, const tfx_model_spec *spec, tfx_error *err)
{
    const tfx_layer_class *cls = NULL;
    char model[256];
    size_t depth = 0;
    for (const char *p = path; *p; p++)
        depth += *p == '.';
    if (depth > MAX_DEPTH)
        tfx_fail(err, TFX_E_INVALID, "layers are nested more than %d deep: is '%s' the default of a slot of its own?",
                 MAX_DEPTH, name);
    else
        cls = tfx_registry_find(registry, TFX_KIND_LAYER, name, err);
    if (!cls && chosen)
        tfx_error_locate_in(err, chosen->file, chosen->line, "%s", chosen->key);
    else if (!cls)
        tfx_error_locate_in(err, spec->file, spec->line, "%s%s", in_model(spec, model, sizeof(model)), path);
    return cls;
}

/* The options of a layer: those of its settings that are about no socket. */
static void resolve_options(tfx_layer_config *c, const char *path, const tfx_model_spec *spec,
                            const tfx_layer_settings *settings, tfx_error *err)
{
    tfx_setting *own = TFX_NEW_ARRAY(tfx_setting, settings->n);
    size_t n_own = 0;
    char what[512], model[256];
    snprintf(what, sizeof(what), "%slayer %s (%s)", in_model(spec, model, sizeof(model)), path, c->cls->name);
    for (size_t k = 0; k < settings->n && err->status == TFX_OK; k++) {
        const tfx_layer_setting *s = &settings->items[k];
        if (is_elsewhere(c->cls->slots, c->cls->n_slots, s->key))
            continue;
        if (!has_option(c->cls->options, c->cls->n_options, s->key))
            fail_unknown_key(c->cls, s, path, err);
        own[n_own] = *s->from;
        own[n_own++].key = s->key;
    }
    if (err->status == TFX_OK)
        c->options = tfx_options_resolve(c->cls->options, c->cls->n_options, own, n_own, what, err);
    if (!c->options) /* where nothing was set: where it could be */
        tfx_error_locate(err, spec->file, spec->line);
    free(own);
}

/* The layer in a socket with that default, and all below it. */
static tfx_layer_config *layer_create(const tfx_registry *registry, const char *socket, const char *path,
                                      const char *def, const tfx_model_spec *spec, const tfx_layer_settings *settings,
                                      tfx_error *err)
{
    const tfx_setting *chosen = tfx_settings_chosen(settings);
    const tfx_layer_class *cls = find_class(registry, path, chosen ? chosen->value : def, chosen, spec, err);
    if (!cls)
        return NULL;
    char model[256];
    tfx_layer_config *c = TFX_NEW(tfx_layer_config);
    c->socket = tfx_strdup(socket);
    c->cls = cls;
    c->n_children = cls->n_slots;
    c->children = TFX_NEW_ARRAY(tfx_layer_config *, cls->n_slots);
    for (size_t i = 0; i < cls->n_slots && err->status == TFX_OK; i++) {
        const tfx_slot *s = tfx_socket_at(cls->slots, i);
        tfx_layer_settings inside = tfx_settings_in_socket(settings, s->name);
        char *inside_path = tfx_printf("%s.%s", path, s->name);
        if (!s->def && !tfx_settings_chosen(&inside))
            tfx_fail_at(err, spec->file, spec->line, "%sslot %s of layer '%s' must be filled with a layer",
                        in_model(spec, model, sizeof(model)), inside_path, cls->name);
        else
            c->children[i] = layer_create(registry, s->name, inside_path, s->def, spec, &inside, err);
        free(inside_path);
        free(inside.items);
    }
    if (err->status == TFX_OK)
        resolve_options(c, path, spec, settings, err);
    if (err->status != TFX_OK) {
        tfx_layer_config_destroy(c);
        return NULL;
    }
    return c;
}

tfx_layer_config *tfx_layer_config_create(const tfx_registry *registry, const char *name, const tfx_setting *settings,
                                          size_t n, tfx_error *err)
{
    tfx_model_spec nowhere = {.file = "--set"};
    tfx_layer_settings own = {0};
    for (size_t i = 0; i < n; i++)
        *TFX_APPEND(own.items, own.n, own.cap) = (tfx_layer_setting){settings[i].key, &settings[i]};
    tfx_layer_config *c = layer_create(registry, "layer", name, name, &nowhere, &own, err);
    free(own.items);
    return c;
}

/* ---- the sockets of the model ---- */

static void create_blocks(tfx_model *m, const tfx_registry *registry, const char *def, const tfx_model_spec *spec,
                          const tfx_layer_settings *blocks, tfx_error *err)
{
    tfx_layer_config *shared = NULL;
    m->blocks = TFX_NEW_ARRAY(tfx_layer_config *, m->n_blocks);
    for (size_t i = 0; i < blocks->n; i++) {
        const tfx_setting *from = blocks->items[i].from;
        int64_t number;
        if (tfx_key_numbered(blocks->items[i].key, &number) && number >= m->n_blocks)
            tfx_fail_at(err, from->file, from->line,
                        "%s: there is no block %" PRId64 "; n_blocks is %" PRId64 ", counted from 0", from->key, number,
                        m->n_blocks);
    }
    for (int64_t b = 0; b < m->n_blocks && err->status == TFX_OK; b++) {
        int has_own;
        tfx_layer_settings settings = tfx_settings_of_block(registry, blocks, b, &has_own);
        char path[64];
        snprintf(path, sizeof(path), has_own ? "blocks.%" PRId64 : "blocks", b);
        m->blocks[b] = !has_own && shared ? shared : layer_create(registry, "blocks", path, def, spec, &settings, err);
        if (!has_own)
            shared = m->blocks[b];
        free(settings.items);
    }
}

static void create_socket(tfx_model *m, const tfx_registry *registry, const tfx_slot *socket,
                          const tfx_model_spec *spec, const tfx_layer_settings *all, tfx_error *err)
{
    tfx_layer_settings inside = tfx_settings_in_socket(all, socket->name);
    const tfx_setting *chosen = tfx_settings_chosen(&inside);
    int head = !strcmp(socket->name, "head"), tied = head && !strcmp(chosen ? chosen->value : socket->def, "tied");
    if (!strcmp(socket->name, "blocks")) {
        create_blocks(m, registry, socket->def, spec, &inside, err);
    } else if (!tied) {
        tfx_layer_config **place = head ? &m->head : !strcmp(socket->name, "norm") ? &m->norm : &m->embedding;
        *place = layer_create(registry, socket->name, socket->name, socket->def, spec, &inside, err);
    }
    for (size_t i = 0; i < inside.n && tied; i++) {
        const tfx_setting *s = inside.items[i].from;
        if (*inside.items[i].key)
            tfx_fail_at(err, s->file, s->line, "%s: a tied head has no options; its factor is embedding.logit_scale",
                        s->key);
    }
    free(inside.items);
}

/* ---- the model ---- */

static void fail_unknown_model_key(const tfx_setting *s, const tfx_model_spec *spec, tfx_error *err)
{
    size_t n_decl, n_sockets;
    const tfx_option *decl = tfx_spec_declaration("model", &n_decl);
    const tfx_slot *sockets = tfx_model_sockets(&n_sockets);
    tfx_suggest known = {.name = s->key};
    for (size_t i = 0; i < n_sockets; i++)
        tfx_suggest_add(&known, "%s", sockets[i].name);
    for (size_t i = 0; i < n_decl; i++)
        tfx_suggest_add(&known, "%s", tfx_option_at(decl, i)->name);
    tfx_fail_at(err, s->file, s->line, "[model %s] has no key '%s'", spec->name, s->key);
    tfx_suggest_end(&known, NULL, err);
}

/* The sizes in `own`, and everything else in `rest`. */
static void split_settings(const tfx_model_spec *spec, tfx_setting *own, size_t *n_own, tfx_layer_settings *rest,
                           tfx_error *err)
{
    size_t n_decl, n_sockets;
    const tfx_option *decl = tfx_spec_declaration("model", &n_decl);
    const tfx_slot *sockets = tfx_model_sockets(&n_sockets);
    *n_own = 0;
    for (size_t i = 0; i < spec->n_settings && err->status == TFX_OK; i++) {
        const tfx_setting *s = &spec->settings[i];
        if (is_elsewhere(sockets, n_sockets, s->key))
            *TFX_APPEND(rest->items, rest->n, rest->cap) = (tfx_layer_setting){s->key, s};
        else if (has_option(decl, n_decl, s->key))
            own[(*n_own)++] = *s;
        else
            fail_unknown_model_key(s, spec, err);
    }
}

tfx_model *tfx_model_create(const tfx_registry *registry, const tfx_model_spec *spec, tfx_error *err)
{
    size_t n_decl, n_sockets, n_own;
    const tfx_option *decl = tfx_spec_declaration("model", &n_decl);
    const tfx_slot *sockets = tfx_model_sockets(&n_sockets);
    tfx_setting *own = TFX_NEW_ARRAY(tfx_setting, spec->n_settings);
    tfx_layer_settings in_sockets = {0};
    tfx_model *m = TFX_NEW(tfx_model);
    tfx_options *options = NULL;
    char *what = tfx_printf("[model %s]", spec->name);
    m->name = tfx_strdup(spec->name);
    split_settings(spec, own, &n_own, &in_sockets, err);
    if (err->status == TFX_OK)
        options = tfx_options_resolve(decl, n_decl, own, n_own, what, err);
    if (options) {
        m->n_blocks = tfx_options_int(options, "n_blocks");
        m->dim = tfx_options_int(options, "dim");
        m->context = tfx_options_int(options, "context");
        m->vocab = tfx_options_int(options, "vocab");
    } else {
        tfx_error_locate(err, spec->file, spec->line);
    }
    for (size_t i = 0; i < n_sockets && err->status == TFX_OK; i++)
        create_socket(m, registry, &sockets[i], spec, &in_sockets, err);
    tfx_options_destroy(options);
    free(what);
    free(own);
    free(in_sockets.items);
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
        tfx_layer_config_destroy(c);
    }
    free(m->blocks);
    tfx_layer_config_destroy(m->embedding);
    tfx_layer_config_destroy(m->norm);
    tfx_layer_config_destroy(m->head);
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
