#include "framework/spec/sockets.h"

#include <ctype.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/classes.h"

static const tfx_slot model_sockets[] = {
    TFX_SLOT("embedding", "embedding", "turns tokens into vectors"),
    TFX_SLOT("blocks", "block_prenorm", "each of the `n_blocks` blocks"),
    TFX_SLOT("norm", "layernorm", "normalisation after the last block"),
    TFX_SLOT("head", "tied", "turns vectors into logits; `tied`: the embedding layer does, with its own table"),
};

const tfx_slot *tfx_model_sockets(size_t *n)
{
    *n = sizeof(model_sockets) / sizeof(*model_sockets);
    return model_sockets;
}

static const char *default_in(const tfx_slot *sockets, size_t n, const char *name, size_t length)
{
    for (size_t i = 0; i < n; i++) {
        const tfx_slot *s = tfx_socket_at(sockets, i);
        if (strlen(s->name) == length && !strncmp(s->name, name, length))
            return s->def;
    }
    return NULL;
}

/* What follows the first `n` characters of a key, which are `name`; NULL: they are not. */
static const char *after(const char *key, const char *name, size_t n)
{
    if (strncmp(key, name, n) || (key[n] && key[n] != '.'))
        return NULL;
    return key[n] ? key + n + 1 : key + n;
}

tfx_layer_settings tfx_settings_in_socket(const tfx_layer_settings *all, const char *socket)
{
    tfx_layer_settings out = {0};
    for (size_t i = 0; i < all->n; i++) {
        const char *key = after(all->items[i].key, socket, strlen(socket));
        if (key)
            *TFX_APPEND(out.items, out.n, out.cap) = (tfx_layer_setting){key, all->items[i].from};
    }
    return out;
}

const tfx_setting *tfx_settings_chosen(const tfx_layer_settings *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!*s->items[i].key)
            return s->items[i].from;
    return NULL;
}

/* ---- blocks ---- */

int tfx_key_numbered(const char *key, int64_t *block)
{
    char *end;
    if (!isdigit((unsigned char)*key))
        return 0;
    *block = strtoll(key, &end, 10);
    return !*end || *end == '.';
}

/* What is at `path` within a layer that has these settings, where `def` is the layer's socket's
 * default. */
static const char *walk(const tfx_registry *registry, const tfx_layer_settings *s, const char *def, const char *path)
{
    const tfx_setting *chosen = tfx_settings_chosen(s);
    const char *name = chosen ? chosen->value : def;
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, ".");
        tfx_error ignored = {0};
        const tfx_layer_class *cls = name ? tfx_registry_find(registry, TFX_KIND_LAYER, name, &ignored) : NULL;
        name = cls ? default_in(cls->slots, cls->n_slots, at, n) : NULL;
        at += n;
        size_t length = (size_t)(at - path);
        for (size_t k = 0; k < s->n; k++)
            if (strlen(s->items[k].key) == length && !strncmp(s->items[k].key, path, length))
                name = s->items[k].from->value;
        at += *at == '.';
    }
    return name;
}

/* Removes what all blocks set at `part` and, with `below`, below it. */
static void drop_general(tfx_layer_settings *s, const char *part, int below)
{
    size_t kept = 0;
    int64_t number;
    for (size_t i = 0; i < s->n; i++) {
        const char *rest = *part ? after(s->items[i].key, part, strlen(part)) : s->items[i].key;
        const char *in_blocks = after(s->items[i].from->key, "blocks", strlen("blocks"));
        if (!rest || (*rest && !below) || tfx_key_numbered(in_blocks, &number))
            s->items[kept++] = s->items[i];
    }
    s->n = kept;
}

tfx_layer_settings tfx_settings_of_block(const tfx_registry *registry, const tfx_layer_settings *blocks, int64_t block,
                                         int *has_own)
{
    tfx_layer_settings out = {0};
    int64_t number;
    for (size_t i = 0; i < blocks->n; i++)
        if (!tfx_key_numbered(blocks->items[i].key, &number))
            *TFX_APPEND(out.items, out.n, out.cap) = blocks->items[i];
    *has_own = 0;
    for (size_t i = 0; i < blocks->n; i++) {
        const char *key = blocks->items[i].key;
        if (!tfx_key_numbered(key, &number) || number != block)
            continue;
        const char *part = after(key, key, strcspn(key, "."));
        const tfx_setting *own = blocks->items[i].from;
        const char *general = walk(registry, blocks, model_sockets[1].def, part);
        drop_general(&out, part, !general || strcmp(general, own->value));
        *TFX_APPEND(out.items, out.n, out.cap) = (tfx_layer_setting){part, own};
        *has_own = 1;
    }
    return out;
}

/* ---- the whole model ---- */

const char *tfx_layer_at(const tfx_registry *registry, const tfx_setting *settings, size_t n, const char *path)
{
    size_t length = strcspn(path, "."), n_sockets;
    const tfx_slot *sockets = tfx_model_sockets(&n_sockets);
    const char *def = default_in(sockets, n_sockets, path, length), *part = after(path, path, length);
    tfx_layer_settings in_socket = {0};
    int64_t block;
    for (size_t i = 0; i < n; i++) {
        const char *key = after(settings[i].key, path, length);
        if (key)
            *TFX_APPEND(in_socket.items, in_socket.n, in_socket.cap) = (tfx_layer_setting){key, &settings[i]};
    }
    if (!strncmp(path, "blocks.", 7) && tfx_key_numbered(part, &block)) {
        int has_own;
        tfx_layer_settings own = tfx_settings_of_block(registry, &in_socket, block, &has_own);
        free(in_socket.items);
        in_socket = own;
        part = after(part, part, strcspn(part, "."));
    }
    const char *name = walk(registry, &in_socket, def, part);
    free(in_socket.items);
    return name;
}
