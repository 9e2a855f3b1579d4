/* Model: the tree of layers that a [model NAME] section describes.
 *
 * At the top stands the language model itself: `embedding`, `blocks` (n_blocks of them),
 * `norm`, and `head` (`tied`, or a layer). Below, every socket of a layer can be filled:
 *
 *     blocks = block_prenorm
 *     blocks.mixer.q = pattention         in every block
 *     blocks.mixer.q.slots = 576
 *     blocks.3.ffn = mlp                  in block 3 alone (counted from 0)
 *
 * A parameter's path is its layer's path and its own name: "blocks.3.mixer.q.key". */
#ifndef TFX_SPEC_TREE_H
#define TFX_SPEC_TREE_H

#include "framework/plugin/registry.h"
#include "framework/spec/experiment.h"

typedef struct tfx_layer_config {
    char *socket; /* of its parent, which this layer fills */
    const tfx_layer_class *cls;
    tfx_options *options;
    struct tfx_layer_config **children; /* in the order of cls->slots */
    size_t n_children;
} tfx_layer_config;

typedef struct tfx_model {
    char *name;
    int64_t n_blocks, dim, context, vocab;
    tfx_layer_config *embedding, *norm, *head; /* head NULL: tied to the embedding */
    tfx_layer_config **blocks;                 /* [n_blocks]; blocks without settings of their own share one */
} tfx_model;

/* Checks the settings of a section and builds the tree; NULL with a message that names
 * file, line, key and the nearest valid name. */
tfx_model *tfx_model_create(const tfx_registry *registry, const tfx_model_spec *spec, tfx_error *err);
void tfx_model_destroy(tfx_model *m);

/* A layer that is in no model, with the settings below it. */
tfx_layer_config *tfx_layer_config_create(const tfx_registry *registry, const char *name, const tfx_setting *settings,
                                          size_t n, tfx_error *err);
void tfx_layer_config_destroy(tfx_layer_config *c);

/* Calls visit for each layer class in the tree, repeats included. */
void tfx_model_visit(const tfx_model *m, void (*visit)(void *ctx, const tfx_layer_class *cls), void *ctx);

#endif
