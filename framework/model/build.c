#include "framework/model/build.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/builder.h"
#include "framework/graph/reports.h"
#include "framework/graph/sites.h"
#include "framework/plugin/calls/layer_calls.h"

/* The builder that one layer sees. `b` comes first: param and slot get it back from the
 * pointer the layer passes. */
typedef struct layer_builder {
    tfx_builder b;
    const tfx_layer_config *config;
    const char *path;
    int64_t out_dim;
} layer_builder;

static tfx_value build_layer(const tfx_builder *parent, const tfx_layer_config *config, const char *path, tfx_value x,
                             int64_t out_dim);

/* Whether two parameters are alike in what a layer asks for. */
static int same_request(const tfx_state_tensor *a, const tfx_state_tensor *b)
{
    return a->n_dims == b->n_dims && !memcmp(a->dims, b->dims, sizeof(*a->dims) * a->n_dims) &&
           a->init.kind == b->init.kind && a->init.mean == b->init.mean && a->init.std == b->init.std &&
           a->grow_axis == b->grow_axis && a->flags == b->flags;
}

static void describe(const tfx_state_tensor *r, char *buf, size_t n)
{
    char shape[TFX_SHAPE_TEXT];
    int at = snprintf(buf, n, "%s, ", tfx_format_shape(shape, r->n_dims, r->dims));
    at += r->init.kind == TFX_INIT_NORMAL
              ? snprintf(buf + at, n - (size_t)at, "init normal(%.6g, std %.6g)", r->init.mean, r->init.std)
              : snprintf(buf + at, n - (size_t)at, "init constant %.6g", r->init.mean);
    snprintf(buf + at, n - (size_t)at, ", growable axis %d, flags %u", r->grow_axis, r->flags);
}

/* One name is one parameter: whoever asks again must ask for the same. When the first time was in
 * another graph, it is the layer that has changed its mind. */
static tfx_value fail_other(tfx_graph *g, const layer_builder *self, const char *name, uint32_t at,
                            const tfx_state_tensor *now)
{
    const tfx_state_tensor *before = &g->state->tensors[at];
    char first[400], second[400];
    describe(before, first, sizeof(first));
    describe(now, second, sizeof(second));
    if (at < g->n_state_values && g->state_values[at])
        return tfx_graph_fail(g,
                              "param %s: asked for twice, and not for the same: by %s as %s; by %s, output width "
                              "%" PRId64 ", as %s",
                              name, before->asked_by, first, g->path, self->out_dim, second);
    return tfx_graph_fail(g,
                          "build is not a pure function: when the model is built again, param %s is %s; it was %s "
                          "(a layer's build may depend on its options and its input, and on nothing else)",
                          name, second, first);
}

static tfx_value layer_param(const tfx_builder *b, const char *name, uint32_t n_dims, const int64_t *dims,
                             const tfx_init *init, int grow_axis, uint32_t flags)
{
    const layer_builder *self = (const layer_builder *)b;
    tfx_graph *g = tfx_builder_graph(b);
    tfx_state_tensor asked = {.n_dims = n_dims, .grow_axis = grow_axis, .flags = flags};
    if (g->err->status != TFX_OK)
        return TFX_POISON;
    if (!name || !*name || strpbrk(name, "./ "))
        return tfx_graph_fail(g, "param: '%s' is not a name; use letters, digits and _", name ? name : "(null)");
    if (n_dims > TFX_MAX_DIMS || grow_axis < TFX_NOT_GROWABLE || grow_axis >= (int)n_dims)
        return tfx_graph_fail(
            g, "param %s: expected a growable axis below its rank %u (at most %d), or TFX_NOT_GROWABLE; found %d", name,
            n_dims, TFX_MAX_DIMS, grow_axis);
    if (n_dims && !dims)
        return tfx_graph_fail(g, "param %s: its dims are NULL", name);
    for (uint32_t i = 0; i < n_dims; i++) {
        if (dims[i] < 1)
            return tfx_graph_fail(g, "param %s: dimension %u is %lld", name, i, (long long)dims[i]);
        asked.dims[i] = dims[i];
    }
    tfx_init *how = &asked.init;
    if (init)
        memcpy(how, init, init->struct_size < sizeof(*how) ? init->struct_size : sizeof(*how));
    if ((how->kind != TFX_INIT_CONSTANT && how->kind != TFX_INIT_NORMAL) || !isfinite(how->mean) || !(how->std >= 0) ||
        !isfinite(how->std))
        return tfx_graph_fail(
            g,
            "param %s: expected tfx_init_constant or tfx_init_normal of finite numbers; found kind %d, "
            "mean %g, std %g%s",
            name, (int)how->kind, how->mean, how->std, init ? "" : " (it is NULL)");
    char *path = tfx_printf("%s.%s", self->path, name);
    uint32_t at = tfx_state_find(g->state, path);
    if (at == TFX_STATE_NONE && !g->state->frozen) {
        at = tfx_state_add(g->state, TFX_STATE_PARAM, path, TFX_F32, n_dims, dims);
        tfx_state_tensor *t = &g->state->tensors[at];
        t->init = *how;
        t->grow_axis = grow_axis;
        t->flags = flags;
        t->frozen = g->state->is_frozen && g->state->is_frozen(g->state->who_knows, path);
        t->asked_by = tfx_printf("%s, output width %" PRId64, g->path, self->out_dim);
    }
    free(path);
    if (at == TFX_STATE_NONE)
        return tfx_graph_fail(g,
                              "build is not a pure function: when the model is built again, it asks for a param %s "
                              "that it did not ask for before",
                              name);
    return same_request(&g->state->tensors[at], &asked) ? tfx_emit_state(g, at) : fail_other(g, self, name, at, &asked);
}

static void layer_loss(const tfx_builder *b, const char *name, tfx_value value, double weight)
{
    tfx_graph *g = tfx_builder_graph(b);
    if (value >= g->n_values)
        tfx_graph_fail(g, "loss: %u is no value of this graph", value);
    else
        tfx_report_add(g, name, value, 1, weight);
}

static void layer_metric(const tfx_builder *b, const char *name, tfx_value value)
{
    tfx_graph *g = tfx_builder_graph(b);
    if (value >= g->n_values)
        tfx_graph_fail(g, "metric: %u is no value of this graph", value);
    else
        tfx_report_add(g, name, value, 0, 0);
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
    const tfx_call *call = tfx_call_current(); /* the host complains when the layer's own is over */
    g->refused = call && call->impl == self->config->cls;
    const char *option = tfx_options_blamed(self->config->options, text);
    const char *file = option ? tfx_options_origin(self->config->options, option, &line) : NULL;
    if (file)
        tfx_error_locate(g->err, file, line);
    return TFX_POISON;
}

static tfx_value layer_socket(const tfx_builder *b, const char *socket, tfx_value x, int64_t out_dim)
{
    const layer_builder *self = (const layer_builder *)b;
    if (x >= tfx_builder_graph(b)->n_values)
        return tfx_graph_fail(tfx_builder_graph(b), "slot %s: %u is no value of this graph", socket, x);
    for (size_t i = 0; i < self->config->n_children; i++) {
        if (strcmp(self->config->children[i]->socket, socket))
            continue;
        char *path = tfx_printf("%s.%s", self->path, socket);
        tfx_value y = build_layer(b, self->config->children[i], path, x, out_dim);
        free(path);
        return y;
    }
    return tfx_graph_fail(tfx_builder_graph(b), "has no slot '%s'", socket);
}

static tfx_value build_layer(const tfx_builder *parent, const tfx_layer_config *config, const char *path, tfx_value x,
                             int64_t out_dim)
{
    tfx_graph *g = tfx_builder_graph(parent);
    if (!x || g->err->status != TFX_OK)
        return TFX_POISON;
    layer_builder self = {.b = *parent, .config = config, .path = path, .out_dim = out_dim};
    self.b.options = config->options;
    self.b.error = layer_error;
    self.b.param = layer_param;
    self.b.slot = layer_socket;
    self.b.loss = layer_loss;
    self.b.metric = layer_metric;
    char *label = tfx_printf("layer %s (%s)", path, config->cls->name);
    const char *outer = g->path;
    uint32_t first_node = g->n_nodes, outer_site = g->site;
    g->path = label;
    g->site = tfx_site_of(g, path, config->cls->name);
    if (out_dim < 1)
        tfx_graph_fail(g, "was asked for an output of width %lld", (long long)out_dim);
    const tfx_loaded_plugin *plugin = g->registry ? tfx_registry_owner(g->registry, config->cls) : NULL;
    tfx_value y = tfx_call_layer_build(config->cls, plugin ? plugin->path : NULL, &self.b, path, x, out_dim);
    assert(g->path == label); /* the layers within put it back */
    if (g->made && y)
        *TFX_APPEND(g->made->items, g->made->n, g->made->cap) = (tfx_made_value){y, tfx_strdup(label), first_node,
                                                                                 g->n_nodes};
    g->path = outer;
    g->site = outer_site;
    free(label);
    return y;
}

/* A parameter of an earlier graph that nobody has asked for in this one. */
static tfx_value check_none_left(tfx_graph *g, tfx_value logits)
{
    for (uint32_t i = 0; logits && i < g->state->n; i++) {
        const tfx_state_tensor *t = &g->state->tensors[i];
        if (t->kind == TFX_STATE_PARAM && (i >= g->n_state_values || !g->state_values[i]))
            return tfx_graph_fail(g,
                                  "%s: build is not a pure function: when the model is built again, it does not ask "
                                  "for the param of path %s any more",
                                  t->asked_by, t->name);
    }
    return logits;
}

static void builder_for_model(tfx_builder *b, const tfx_model *m, tfx_graph *g)
{
    tfx_builder_for_graph(b, g);
    b->dim = m->dim;
    b->n_blocks = m->n_blocks;
    b->context = m->context;
    b->vocab = m->vocab;
}

tfx_value tfx_layer_build(const tfx_model *m, const tfx_layer_config *layer, tfx_graph *g, const char *path,
                          tfx_value x, int64_t out_dim)
{
    tfx_builder b;
    builder_for_model(&b, m, g);
    return build_layer(&b, layer, path, x, out_dim);
}

tfx_value tfx_model_build(const tfx_model *m, tfx_graph *g, tfx_value tokens, int64_t n_regions)
{
    tfx_builder b;
    builder_for_model(&b, m, g);
    tfx_value x = build_layer(&b, m->embedding, "embedding", tokens, m->dim);
    for (int64_t i = 0; i < m->n_blocks; i++) {
        char path[64];
        snprintf(path, sizeof(path), "blocks.%lld", (long long)i);
        g->region = i < n_regions ? (uint32_t)i + 1 : 0;
        x = build_layer(&b, m->blocks[i], path, x, m->dim);
        g->region = 0;
    }
    x = build_layer(&b, m->norm, "norm", x, m->dim);
    x = m->head ? build_layer(&b, m->head, "head", x, m->vocab)
                : build_layer(&b, m->embedding, "embedding", x, m->vocab);
    return check_none_left(g, x);
}
