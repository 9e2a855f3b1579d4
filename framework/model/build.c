#include "framework/model/build.h"

#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/builder.h"
#include "framework/plugin/calls/layer_calls.h"

/* The builder that one layer sees. `b` comes first: param and slot get it back from the
 * pointer the layer passes. */
typedef struct layer_builder {
    tfx_builder b;
    const tfx_layer_config *config;
    const char *path;
} layer_builder;

static tfx_value build_layer(const tfx_builder *parent, const tfx_layer_config *config, const char *path, tfx_value x,
                             int64_t out_dim);

static tfx_value layer_param(const tfx_builder *b, const char *name, uint32_t n_dims, const int64_t *dims,
                             const tfx_init *init, int grow_axis, uint32_t flags)
{
    const layer_builder *self = (const layer_builder *)b;
    tfx_graph *g = tfx_builder_graph(b);
    if (g->err->status != TFX_OK)
        return TFX_POISON;
    if (!name || !*name || strpbrk(name, "./ "))
        return tfx_graph_fail(g, "param: '%s' is not a name; use letters, digits and _", name ? name : "(null)");
    if (n_dims > TFX_MAX_DIMS || grow_axis < TFX_NOT_GROWABLE || grow_axis >= (int)n_dims)
        return tfx_graph_fail(g, "param %s: rank %u with growable axis %d", name, n_dims, grow_axis);
    for (uint32_t i = 0; i < n_dims; i++)
        if (dims[i] < 1)
            return tfx_graph_fail(g, "param %s: dimension %u is %lld", name, i, (long long)dims[i]);
    char *path = tfx_printf("%s.%s", self->path, name);
    uint32_t at = tfx_state_find(g->state, path);
    if (at == TFX_STATE_NONE) {
        at = tfx_state_add(g->state, TFX_STATE_PARAM, path, TFX_F32, n_dims, dims);
        tfx_state_tensor *t = &g->state->tensors[at];
        memcpy(&t->init, init, init->struct_size < sizeof(t->init) ? init->struct_size : sizeof(t->init));
        t->grow_axis = grow_axis;
        t->flags = flags;
    }
    free(path);
    const tfx_state_tensor *t = &g->state->tensors[at];
    if (t->n_dims != n_dims || (n_dims && memcmp(t->dims, dims, sizeof(*dims) * n_dims)))
        return tfx_graph_fail(g, "param %s: asked for twice with different shapes", name);
    return tfx_emit_state(g, at);
}

/* A message that starts with the name of an option is located where the spec sets it. */
static tfx_value layer_error(const tfx_builder *b, const char *fmt, ...)
{
    const layer_builder *self = (const layer_builder *)b;
    tfx_graph *g = tfx_builder_graph(b);
    char text[1024];
    int line;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (g->err->status != TFX_OK)
        return TFX_POISON;
    tfx_graph_fail(g, "%s", text);
    const char *option = tfx_options_blamed(self->config->options, text);
    const char *file = option ? tfx_options_origin(self->config->options, option, &line) : NULL;
    if (file)
        tfx_error_locate(g->err, file, line);
    return TFX_POISON;
}

static tfx_value layer_slot(const tfx_builder *b, const char *slot, tfx_value x, int64_t out_dim)
{
    const layer_builder *self = (const layer_builder *)b;
    if (x >= tfx_builder_graph(b)->n_values)
        return tfx_graph_fail(tfx_builder_graph(b), "slot %s: %u is no value of this graph", slot, x);
    for (size_t i = 0; i < self->config->n_children; i++) {
        if (strcmp(self->config->children[i]->socket, slot))
            continue;
        char *path = tfx_printf("%s.%s", self->path, slot);
        tfx_value y = build_layer(b, self->config->children[i], path, x, out_dim);
        free(path);
        return y;
    }
    return tfx_graph_fail(tfx_builder_graph(b), "has no slot '%s'", slot);
}

static tfx_value build_layer(const tfx_builder *parent, const tfx_layer_config *config, const char *path, tfx_value x,
                             int64_t out_dim)
{
    tfx_graph *g = tfx_builder_graph(parent);
    if (!x || g->err->status != TFX_OK)
        return TFX_POISON;
    layer_builder self = {.b = *parent, .config = config, .path = path};
    self.b.options = config->options;
    self.b.error = layer_error;
    self.b.param = layer_param;
    self.b.slot = layer_slot;
    char *label = tfx_printf("layer %s (%s)", path, config->cls->name);
    const char *outer = g->path;
    g->path = label;
    if (out_dim < 1)
        tfx_graph_fail(g, "was asked for an output of width %lld", (long long)out_dim);
    tfx_value y = tfx_call_layer_build(config->cls, &self.b, path, x, out_dim);
    g->path = outer;
    free(label);
    return y;
}

tfx_value tfx_model_build(const tfx_model *m, tfx_graph *g, tfx_value tokens, int regions)
{
    tfx_builder b;
    tfx_builder_for_graph(&b, g);
    b.dim = m->dim;
    b.n_blocks = m->n_blocks;
    b.context = m->context;
    b.vocab = m->vocab;
    tfx_value x = build_layer(&b, m->embedding, "embedding", tokens, m->dim);
    for (int64_t i = 0; i < m->n_blocks; i++) {
        char path[64];
        snprintf(path, sizeof(path), "blocks.%lld", (long long)i);
        g->region = regions ? (uint32_t)i + 1 : 0;
        x = build_layer(&b, m->blocks[i], path, x, m->dim);
        g->region = 0;
    }
    x = build_layer(&b, m->norm, "norm", x, m->dim);
    return m->head ? build_layer(&b, m->head, "head", x, m->vocab)
                   : build_layer(&b, m->embedding, "embedding", x, m->vocab);
}
