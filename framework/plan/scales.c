#include "framework/plan/scales.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/residual.h"

static tfx_value sum_of_squares(tfx_graph *g, tfx_value v)
{
    tfx_value x = tfx_emit_cast(g, v, TFX_F32);
    return tfx_emit_sum(g, tfx_emit_binary(g, TFX_OP_MUL, x, x), (1u << g->values[v].n_dims) - 1, 0);
}

/* "blocks.3.ffn (mlp)" of "layer blocks.3.ffn (mlp)". */
static char *without_layer(const char *by)
{
    static const char word[] = "layer ";
    return tfx_strdup(by && !strncmp(by, word, sizeof(word) - 1) ? by + sizeof(word) - 1 : by ? by : "?");
}

/* What the layer in the model's socket gave back; a tied head is a second one of its name. */
static const tfx_made_value *find_embedding(const tfx_made_values *made)
{
    static const char path[] = "layer embedding (";
    for (uint32_t i = 0; i < made->n; i++)
        if (!strncmp(made->items[i].by, path, sizeof(path) - 1))
            return &made->items[i];
    assert(!"every model has an embedding");
    return NULL;
}

static void want(tfx_scales *out, tfx_graph *g, const tfx_made_values *made, const tfx_device *device)
{
    tfx_residuals found;
    tfx_residuals_find(g, &found);
    const tfx_made_value *embedding = find_embedding(made);
    uint32_t n = 0;
    tfx_value *wanted = TFX_NEW_ARRAY(tfx_value, 1 + 2 * (size_t)found.n);
    out->embedding = without_layer(embedding->by);
    out->embedding_elements = tfx_value_elements(g, embedding->value);
    out->places = TFX_NEW_ARRAY(tfx_scale_place, found.n);
    out->n_places = found.n;
    wanted[n++] = sum_of_squares(g, embedding->value);
    for (uint32_t i = 0; i < found.n; i++) {
        const tfx_residual *r = &found.items[i];
        out->places[i] = (tfx_scale_place){without_layer(tfx_residual_writer(g, made, r)),
                                           tfx_value_elements(g, r->written)};
        wanted[n++] = sum_of_squares(g, r->stream);
        wanted[n++] = sum_of_squares(g, r->written);
    }
    out->placement = tfx_stage_forward_place(g, device, wanted, n);
    free(wanted);
    tfx_residuals_finish(&found);
}

tfx_status tfx_scales_create(tfx_scales *out, tfx_stage_plan *s, const tfx_registry *registry, const tfx_device *device,
                             tfx_error *err)
{
    tfx_made_values made = {0};
    tfx_graph g;
    *out = (tfx_scales){0};
    if (tfx_stage_forward(s, registry, device, 0, &made, &g, err))
        want(out, &g, &made, device);
    else
        tfx_graph_finish(&g);
    tfx_made_values_finish(&made);
    return err->status;
}

void tfx_scales_finish(tfx_scales *s)
{
    tfx_placement_destroy(s->placement);
    for (uint32_t i = 0; i < s->n_places; i++)
        free(s->places[i].writer);
    free(s->places);
    free(s->embedding);
    *s = (tfx_scales){0};
}
