#include "framework/plan/slices.h"

#include "framework/base/memory.h"

static tfx_value sum_all(tfx_graph *g, tfx_value x)
{
    return tfx_emit_sum(g, x, (1u << g->values[x].n_dims) - 1, 0);
}

static tfx_value times(tfx_graph *g, tfx_value x, tfx_value y)
{
    return tfx_emit_binary(g, TFX_OP_MUL, x, y);
}

void tfx_slice_sums(tfx_graph *g, tfx_value old, tfx_value grad, tfx_value param, tfx_value new_param,
                    tfx_value sums[TFX_SLICE_SUMS])
{
    const tfx_value of[] = {grad, tfx_emit_binary(g, TFX_OP_SUB, new_param, param), param};
    tfx_value new = tfx_emit_affine(g, old, -1.0, 1.0);
    for (int i = 0; i < 3; i++) {
        tfx_value x = tfx_emit_affine(g, of[i], TFX_SLICE_SCALE, 0.0), square = times(g, x, x);
        /* Each sum by itself: few new elements would vanish in a difference of two sums. */
        sums[2 * i] = sum_all(g, times(g, square, old));
        sums[2 * i + 1] = sum_all(g, times(g, square, new));
    }
}

static int has_grown(const tfx_graph *g, const tfx_state_layout *before, const tfx_contraction *c)
{
    const tfx_state_tensor *t = &g->state->tensors[c->param];
    uint32_t at = tfx_state_find(before, t->name);
    return tfx_state_is_trained(t) && at != TFX_STATE_NONE && before->tensors[at].n_dims == t->n_dims &&
           before->tensors[at].dims[c->axis] < t->dims[c->axis];
}

void tfx_slice_sites_find(tfx_slice_sites *s, const tfx_graph *g, const tfx_state_layout *before)
{
    tfx_contractions all;
    tfx_contractions_find(g, &all);
    for (uint32_t i = 0; i < all.n; i++) {
        const tfx_contraction *c = &all.items[i];
        if (!has_grown(g, before, c))
            continue;
        uint64_t n = (uint64_t)g->state->tensors[c->param].dims[c->axis];
        *TFX_APPEND(s->items, s->n, s->cap) = (tfx_slice_site){*c, s->n_slots, n};
        s->n_slots += n;
    }
    tfx_contractions_finish(&all);
}

void tfx_slice_sites_finish(tfx_slice_sites *s)
{
    free(s->items);
    *s = (tfx_slice_sites){0};
}

static tfx_value energies(tfx_graph *g, const tfx_contraction *c)
{
    tfx_value v = tfx_emit_state(g, c->param);
    const int64_t n[1] = {g->values[v].dims[c->axis]};
    uint32_t rows = (1u << (g->values[c->weights].n_dims - 1)) - 1;
    tfx_value weights = tfx_emit_sum(g, times(g, c->weights, c->weights), rows, 0);
    tfx_value values = tfx_emit_reshape(g, tfx_emit_sum(g, times(g, v, v), 1u << (1 - c->axis), 0), 1, n);
    return tfx_emit_affine(g, times(g, weights, values), c->scale * c->scale, 0.0);
}

tfx_value tfx_slice_energies(tfx_graph *g, const tfx_slice_sites *s)
{
    tfx_value *parts = TFX_NEW_ARRAY(tfx_value, s->n), all = TFX_POISON;
    for (uint32_t i = 0; i < s->n; i++)
        parts[i] = energies(g, &s->items[i].at);
    if (s->n)
        all = tfx_slice_join(g, parts, s->n);
    free(parts);
    return all;
}

tfx_value tfx_slice_join(tfx_graph *g, const tfx_value *values, uint32_t n)
{
    tfx_value *parts = TFX_NEW_ARRAY(tfx_value, n);
    for (uint32_t i = 0; i < n; i++) {
        const int64_t size[1] = {(int64_t)tfx_value_elements(g, values[i])};
        parts[i] = tfx_emit_reshape(g, values[i], 1, size);
    }
    tfx_value all = tfx_emit_concat(g, n, parts, 0);
    free(parts);
    return all;
}
