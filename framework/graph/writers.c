#include "framework/graph/writers.h"

#include "framework/base/memory.h"
#include "framework/graph/residual.h"

typedef struct search {
    tfx_writers *r;
    const tfx_axis_walk *w;
    tfx_value *stream;  /* per value: what the stream starts with that it is a state of, or TFX_POISON */
    uint8_t *of_params; /* per value: whether parameters go into it */
    uint32_t *seen;     /* per value: the search that met it last */
    uint32_t id;
    tfx_atom_list todo;
} search;

static const tfx_graph_node *node_of(const search *s, tfx_value v)
{
    return &s->w->g->nodes[s->w->g->values[v].node];
}

static void add(search *s, tfx_value v)
{
    if (s->seen[v] == s->id)
        return;
    s->seen[v] = s->id;
    *TFX_APPEND(s->todo.items, s->todo.n, s->todo.cap) = v;
}

/* Marks the parameters that the weights v are made of. */
static void mark_params(search *s, tfx_value v)
{
    const tfx_graph_node *n = node_of(s, v);
    if (s->seen[v] == s->id)
        return;
    s->seen[v] = s->id;
    if (n->op == TFX_OP_PARAM)
        s->r->writes[n->ints[0]] = 1;
    for (uint32_t k = 0; k < n->n_in; k++)
        mark_params(s, n->in[k]);
}

/* What a branch ends with: products with weights, the nearest ones, and what is added to them. What weighs a sum does
 * not write: queries, keys, factors. */
static void mark_writers(search *s, tfx_value stream, tfx_value branch)
{
    s->id++;
    add(s, branch);
    while (s->todo.n) {
        tfx_value v = s->todo.items[--s->todo.n];
        const tfx_graph_node *n = node_of(s, v);
        int product = n->op == TFX_OP_MATMUL || n->op == TFX_OP_GATHER, ended = 0;
        if (s->stream[v] == stream)
            continue;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (s->w->values[n->in[k]].weights && (product || n->op == TFX_OP_ADD || n->op == TFX_OP_SUB)) {
                mark_params(s, n->in[k]);
                ended |= product && s->of_params[n->in[k]];
            }
        if (n->op == TFX_OP_ATTENTION)
            add(s, n->in[2]);
        else
            for (uint32_t k = 0; !ended && k < n->n_in; k++)
                if (!s->w->values[n->in[k]].weights)
                    add(s, n->in[k]);
    }
}

/* A scaled stream is still that stream. */
static tfx_value start_of(const search *s, tfx_value v)
{
    for (;; v = node_of(s, v)->in[0]) {
        tfx_op op = node_of(s, v)->op;
        if (s->stream[v])
            return s->stream[v];
        if (op != TFX_OP_AFFINE && op != TFX_OP_CAST && op != TFX_OP_DROPOUT && op != TFX_OP_RESHAPE)
            return v;
    }
}

void tfx_writers_find(tfx_writers *r, const tfx_axis_walk *w)
{
    const tfx_graph *g = w->g;
    search s = {.r = r, .w = w};
    tfx_residuals found;
    tfx_residuals_find(g, &found);
    *r = (tfx_writers){.writes = TFX_NEW_ARRAY(uint8_t, g->state->n)};
    s.seen = TFX_NEW_ARRAY(uint32_t, g->n_values);
    s.of_params = TFX_NEW_ARRAY(uint8_t, g->n_values);
    for (tfx_value v = 1; v < g->n_values; v++) {
        const tfx_graph_node *n = node_of(&s, v);
        s.of_params[v] = n->op == TFX_OP_PARAM;
        for (uint32_t k = 0; k < n->n_in; k++)
            s.of_params[v] |= s.of_params[n->in[k]];
    }
    s.stream = TFX_NEW_ARRAY(tfx_value, g->n_values);
    for (uint32_t i = 0; i < found.n; i++) {
        const tfx_residual *add_to = &found.items[i];
        uint32_t n_dims = g->values[add_to->sum].n_dims;
        tfx_value start = start_of(&s, add_to->stream);
        s.stream[start] = s.stream[add_to->stream] = s.stream[add_to->sum] = start;
        mark_writers(&s, start, add_to->written);
        if (n_dims)
            *TFX_APPEND(r->adds.items, r->adds.n, r->adds.cap) = w->values[add_to->sum].dims[n_dims - 1];
    }
    tfx_residuals_finish(&found);
    free(s.seen);
    free(s.of_params);
    free(s.stream);
    free(s.todo.items);
}

void tfx_writers_finish(tfx_writers *r)
{
    free(r->writes);
    free(r->adds.items);
}
