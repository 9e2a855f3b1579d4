#include "framework/model/layer_alone.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/cost.h"
#include "framework/model/axis_names.h"
#include "framework/model/build.h"

#define PATH "blocks.0"
/* Parameters of no layer, one added to what goes in and one to what comes out: so the axes that these have in common with
 * parameters of the layer have members that say which they are. */
#define INPUT "/input"
#define OUTPUT "/output"

const char *tfx_layer_alone_name(const char *path)
{
    if (!strncmp(path, PATH ".", strlen(PATH ".")))
        return path + strlen(PATH ".");
    return *path == '/' ? NULL : path;
}

static tfx_value input(tfx_layer_alone *a, tfx_graph *g, const tfx_layer_sizes *sizes)
{
    const int64_t dims[3] = {1, sizes->context, sizes->dim};
    int tokens = a->takes_tokens;
    return tfx_emit_state(
        g, tfx_state_add(&a->state, TFX_STATE_INPUT, "/x", tokens ? TFX_I32 : TFX_F32, tokens ? 2 : 3, dims));
}

/* x with that parameter added to its last dimension. */
static tfx_value add_marker(tfx_layer_alone *a, tfx_graph *g, tfx_value x, const char *name)
{
    if (!x)
        return TFX_POISON;
    const tfx_graph_value *v = &g->values[x];
    uint32_t at = tfx_state_add(&a->state, TFX_STATE_PARAM, name, TFX_F32, 1, &v->dims[v->n_dims - 1]);
    return tfx_emit_binary(g, TFX_OP_ADD, x, tfx_emit_state(g, at));
}

static void name_marked(tfx_layer_alone *a, const char *marker, const char *name)
{
    uint32_t state = tfx_state_find(&a->state, marker);
    const tfx_param_axes *p = state == TFX_STATE_NONE ? NULL : tfx_axes_of_param(a->axes, state);
    uint32_t n = p ? p->first[1] - p->first[0] : 0;
    for (uint32_t i = 0; i < n; i++) {
        tfx_axis_class *c = &a->axes->classes[a->axes->members[p->first[0] + i].cls];
        if (!strcmp(marker, INPUT))
            c->rigid = NULL; /* it only is because nothing is there that makes the input */
        if (tfx_layer_alone_name(c->name) && c->name[strlen(c->name) - 1] != ']')
            continue; /* it has a better one than that of its first member */
        free(c->name);
        c->name = n > 1 ? tfx_printf("%s.%u", name, i) : tfx_strdup(name);
    }
}

static tfx_status build(tfx_layer_alone *a, const tfx_registry *registry, const tfx_layer_sizes *sizes, tfx_error *err)
{
    tfx_graph g;
    tfx_graph_init(&g, &a->state, err);
    g.registry = registry;
    tfx_value x = input(a, &g, sizes);
    if (!a->takes_tokens)
        x = add_marker(a, &g, x, INPUT);
    tfx_value y = tfx_layer_build(&a->model, a->model.blocks[0], &g, PATH, x, sizes->out_dim);
    if (add_marker(a, &g, y, OUTPUT)) {
        a->flops_per_token = tfx_graph_cost(&g).flops / (double)sizes->context;
        a->axes = tfx_axes_create(&g);
        tfx_axes_name(a->axes, &a->state, &a->model);
        name_marked(a, INPUT, "input");
        name_marked(a, OUTPUT, "output");
    }
    tfx_graph_finish(&g);
    return err->status;
}

tfx_status tfx_layer_alone_create(tfx_layer_alone *a, const tfx_registry *registry, const char *name,
                                  const tfx_setting *settings, size_t n, const tfx_layer_sizes *sizes, tfx_error *err)
{
    tfx_error given_tokens = {0};
    *a = (tfx_layer_alone){
        .model = {.n_blocks = 1, .dim = sizes->dim, .context = sizes->context, .vocab = sizes->vocab}};
    tfx_layer_config *config = tfx_layer_config_create(registry, name, settings, n, err);
    if (!config)
        return err->status;
    a->model.blocks = TFX_NEW(tfx_layer_config *);
    a->model.blocks[0] = config;
    if (build(a, registry, sizes, err) == TFX_OK)
        return TFX_OK;
    /* No layer says what it takes, but it is built with one and not with the other. */
    tfx_state_finish(&a->state);
    a->takes_tokens = 1;
    if (build(a, registry, sizes, &given_tokens) == TFX_OK)
        *err = (tfx_error){0};
    return err->status;
}

void tfx_layer_alone_finish(tfx_layer_alone *a)
{
    tfx_axes_destroy(a->axes);
    tfx_state_finish(&a->state);
    tfx_layer_config_destroy(a->model.blocks ? a->model.blocks[0] : NULL);
    free(a->model.blocks);
    *a = (tfx_layer_alone){0};
}
