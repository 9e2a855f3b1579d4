/* Sockets: the places in a model that layers fill, and which layer is in each.
 *
 * A model has sockets of its own (embedding, blocks, norm, head); below, a layer has those that its
 * class declares (as `slots`, the ABI's word). What is in a socket is what a setting says, or else
 * the socket's default. A numbered block has what all blocks have, except for its own settings;
 * where those put another layer into a socket, what all blocks set below it means nothing there.
 * This is the one place that knows all of that. */
#ifndef TFX_SPEC_SOCKETS_H
#define TFX_SPEC_SOCKETS_H

#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"

/* The sockets of a model itself. The default of its head, "tied", is no layer: the embedding
 * layer makes the logits. */
const tfx_slot *tfx_model_sockets(size_t *n);

/* A setting seen from a layer: `key` is relative to it, empty for the setting that chose it. */
typedef struct tfx_layer_setting {
    const char *key;
    const tfx_setting *from;
} tfx_layer_setting;

typedef struct tfx_layer_settings {
    tfx_layer_setting *items;
    size_t n, cap;
} tfx_layer_settings;

/* Those of `all` that are about what is in `socket`; the caller frees items. */
tfx_layer_settings tfx_settings_in_socket(const tfx_layer_settings *all, const char *socket);
/* The setting that chose the layer, or NULL: the socket's default holds. */
const tfx_setting *tfx_settings_chosen(const tfx_layer_settings *s);

/* Whether the key of a setting in `blocks` is about one block: "3.ffn" is about block 3. */
int tfx_key_numbered(const char *key, int64_t *block);
/* The settings of one block, of those in the socket `blocks`; *has_own is whether any is its own
 * alone. The caller frees items. */
tfx_layer_settings tfx_settings_of_block(const tfx_registry *registry, const tfx_layer_settings *blocks, int64_t block,
                                         int *has_own);

/* What is at `path` ("blocks.3.ffn") of a model with these settings: the name of a layer, the value
 * of a setting that fills no socket, or NULL when nothing says. */
const char *tfx_layer_at(const tfx_registry *registry, const tfx_setting *settings, size_t n, const char *path);

#endif
