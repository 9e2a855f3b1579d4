/* Rewriting, fusion and ordering; see sequence.h. */
#include "framework/graph/sequence.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"

/* ---- rewriting: drop dead nodes; give each reader its own constant or broadcast ---- */

static tfx_value copy_node(tfx_graph *to, const tfx_graph *from, const tfx_graph_node *n, const tfx_value *in)
{
    tfx_value out = to->n_values;
    tfx_graph_node *copy = TFX_APPEND(to->nodes, to->n_nodes, to->cap_nodes);
    *copy = *n;
    copy->in = TFX_NEW_ARRAY(tfx_value, n->n_in);
    memcpy(copy->in, in, sizeof(*in) * n->n_in);
    copy->out = out;
    for (uint32_t k = 0; k < n->n_out; k++) {
        tfx_graph_value *v = TFX_APPEND(to->values, to->n_values, to->cap_values);
        *v = from->values[n->out + k];
        v->node = to->n_nodes - 1;
    }
    return out;
}

/* A store of a tensor's old contents (or of a view of them) into another tensor: reads them
 * through a node of its own, which then has its place among the readers that must run
 * before the contents change. A cast to the same dtype copies every bit. */
static tfx_value copy_contents(tfx_graph *to, const tfx_graph_node *store, tfx_value v)
{
    if (to->nodes[to->values[tfx_value_base(to, v)].node].op != TFX_OP_PARAM)
        return v;
    tfx_graph_node copy = *store;
    copy.op = TFX_OP_CAST;
    copy.n_in = copy.n_out = 1;
    copy.out = v; /* what it gives is like this */
    return copy_node(to, to, &copy, &v);
}

/* What is free inside a unit is copied for each of its readers: shared between readers far apart (the
 * forward and the backward pass) it would have to be kept in memory. So where `map` does not have v, a copy
 * of it and of all below it is made. */
static tfx_value operand(tfx_graph *to, const tfx_graph *g, const tfx_value *map, tfx_value v)
{
    if (map[v])
        return map[v];
    const tfx_graph_node *n = &g->nodes[g->values[v].node];
    tfx_value in = n->n_in ? operand(to, g, map, n->in[0]) : TFX_POISON;
    return copy_node(to, g, n, &in);
}

static void rewrite(tfx_sequence *s, const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs)
{
    char *live = TFX_NEW_ARRAY(char, g->n_nodes);
    char *kept = TFX_NEW_ARRAY(char, g->n_nodes); /* asked for as an output: copied as it is */
    for (uint32_t i = 0; i < n_outputs; i++)
        live[g->values[outputs[i]].node] = kept[g->values[outputs[i]].node] = 1;
    for (uint32_t i = g->n_nodes; i-- > 0;) {
        const tfx_graph_node *n = &g->nodes[i];
        live[i] |= n->op == TFX_OP_STORE;
        for (uint32_t k = 0; live[i] && k < n->n_in; k++)
            live[g->values[n->in[k]].node] = 1;
    }
    tfx_value *map = TFX_NEW_ARRAY(tfx_value, g->n_values);
    tfx_graph_init(&s->graph, g->state, g->err);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (!live[i] || (tfx_op_info_of(n->op)->free_in_unit && !kept[i]))
            continue;
        tfx_value *in = TFX_NEW_ARRAY(tfx_value, n->n_in);
        for (uint32_t k = 0; k < n->n_in; k++)
            in[k] = operand(&s->graph, g, map, n->in[k]);
        if (n->op == TFX_OP_STORE)
            in[0] = copy_contents(&s->graph, n, in[0]);
        tfx_value out = copy_node(&s->graph, g, n, in);
        for (uint32_t k = 0; k < n->n_out; k++)
            map[n->out + k] = out + k;
        free(in);
    }
    s->n_outputs = n_outputs;
    s->outputs = TFX_NEW_ARRAY(tfx_value, n_outputs);
    for (uint32_t i = 0; i < n_outputs; i++)
        s->outputs[i] = map[outputs[i]];
    free(map);
    free(live);
    free(kept);
}

/* ---- ordering ---- */

static int reaches(const tfx_edges *out, uint32_t from, uint32_t to, uint32_t *mark, uint32_t stamp)
{
    if (from == to)
        return 1;
    if (mark[from] == stamp)
        return 0;
    mark[from] = stamp;
    for (uint32_t i = 0; i < out[from].n; i++)
        if (reaches(out, out[from].to[i], to, mark, stamp))
            return 1;
    return 0;
}

/* Whether the unit that produces `value` may write straight into the place of `target`
 * although it may itself read the old contents. */
static int may_overwrite(const tfx_sequence *s, uint32_t unit, tfx_value target)
{
    const tfx_graph *g = &s->graph;
    const tfx_unit *u = &s->units[unit];
    for (uint32_t i = 0; i < u->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[u->nodes[i]];
        for (uint32_t k = 0; k < n->n_in; k++) {
            if (tfx_value_base(g, n->in[k]) == target && !tfx_unit_may_overwrite(u, n->op, k))
                return 0;
        }
    }
    return 1;
}

/* Decides which stores happen in place, and adds the edges that keep readers of the old
 * contents before their overwriting. */
static void order_stores(tfx_sequence *s, tfx_edges *out)
{
    const tfx_graph *g = &s->graph;
    uint32_t *mark = TFX_NEW_ARRAY(uint32_t, s->n_units), stamp = 0;
    tfx_edges *readers = TFX_NEW_ARRAY(tfx_edges, g->n_nodes); /* per PARAM node: units that read it */
    char *placed = TFX_NEW_ARRAY(char, g->n_values);           /* computed right into some place, or an output */
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; s->unit_of[i] != TFX_NO_UNIT && g->nodes[i].op != TFX_OP_STORE && k < g->nodes[i].n_in;
             k++) {
            uint32_t source = g->values[tfx_value_base(g, g->nodes[i].in[k])].node;
            if (g->nodes[source].op == TFX_OP_PARAM)
                tfx_edge_add(readers, source, s->unit_of[i]);
        }
    for (uint32_t k = 0; k < s->n_outputs; k++)
        placed[s->outputs[k]] = 1;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *store = &g->nodes[i];
        if (store->op != TFX_OP_STORE)
            continue;
        tfx_value value = store->in[0], target = store->in[1];
        const tfx_edges *r = &readers[g->values[target].node];
        uint32_t producer = tfx_unit_of_value(s, value);
        int direct = producer != TFX_NO_UNIT && !placed[value] && may_overwrite(s, producer, target);
        for (uint32_t k = 0; k < r->n && direct; k++)
            direct = r->to[k] == producer || !reaches(out, producer, r->to[k], mark, ++stamp);
        uint32_t writer = direct ? producer : s->unit_of[i];
        for (uint32_t k = 0; k < r->n; k++)
            if (r->to[k] != writer)
                tfx_edge_add(out, r->to[k], writer);
        s->in_place[i] = direct;
        placed[value] |= (char)direct;
    }
    for (uint32_t i = 0; i < g->n_nodes; i++)
        free(readers[i].to);
    free(readers);
    free(placed);
    free(mark);
}

/* A binary heap of unit numbers, smallest key first. */
typedef struct heap {
    uint32_t *unit;
    uint64_t *key; /* per unit */
    uint32_t n;
} heap;

static void heap_push(heap *h, uint32_t unit)
{
    uint32_t i = h->n++;
    while (i && h->key[h->unit[(i - 1) / 2]] > h->key[unit]) {
        h->unit[i] = h->unit[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->unit[i] = unit;
}

static uint32_t heap_pop(heap *h)
{
    uint32_t top = h->unit[0], last = h->unit[--h->n], i = 0;
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= h->n)
            break;
        if (c + 1 < h->n && h->key[h->unit[c + 1]] < h->key[h->unit[c]])
            c++;
        if (h->key[h->unit[c]] >= h->key[last])
            break;
        h->unit[i] = h->unit[c];
        i = c;
    }
    h->unit[i] = last;
    return top;
}

static void order_units(tfx_sequence *s)
{
    const tfx_graph *g = &s->graph;
    tfx_edges *out = TFX_NEW_ARRAY(tfx_edges, s->n_units);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        for (uint32_t k = 0; s->unit_of[i] != TFX_NO_UNIT && k < n->n_in; k++) {
            uint32_t from = tfx_unit_of_value(s, tfx_value_base(g, n->in[k]));
            if (from != TFX_NO_UNIT && from != s->unit_of[i])
                tfx_edge_add(out, from, s->unit_of[i]);
        }
    }
    order_stores(s, out);

    heap h = {TFX_NEW_ARRAY(uint32_t, s->n_units), TFX_NEW_ARRAY(uint64_t, s->n_units), 0};
    uint32_t *waiting = TFX_NEW_ARRAY(uint32_t, s->n_units), *position = TFX_NEW_ARRAY(uint32_t, s->n_units);
    for (uint32_t u = 0; u < s->n_units; u++) {
        uint32_t last = s->units[u].nodes[s->units[u].n_nodes - 1];
        h.key[u] = last + (g->nodes[last].update ? 0 : (uint64_t)1 << 32);
        for (uint32_t i = 0; i < out[u].n; i++)
            waiting[out[u].to[i]]++;
    }
    for (uint32_t u = 0; u < s->n_units; u++)
        if (!waiting[u])
            heap_push(&h, u);
    tfx_unit *ordered = TFX_NEW_ARRAY(tfx_unit, s->n_units);
    uint32_t done = 0;
    while (h.n) {
        uint32_t u = heap_pop(&h);
        position[u] = done;
        ordered[done++] = s->units[u];
        for (uint32_t i = 0; i < out[u].n; i++)
            if (--waiting[out[u].to[i]] == 0)
                heap_push(&h, out[u].to[i]);
    }
    assert(done == s->n_units); /* there is no cycle: fusion makes none, and nothing depends on a store */
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (s->unit_of[i] != TFX_NO_UNIT)
            s->unit_of[i] = position[s->unit_of[i]];
    for (uint32_t u = 0; u < s->n_units; u++)
        free(out[u].to);
    free(out);
    free(s->units);
    s->units = ordered;
    s->cap_units = s->n_units;
    free(h.unit);
    free(h.key);
    free(waiting);
    free(position);
}

#ifndef NDEBUG
/* Whether every unit comes after the units that make what it reads, and has its nodes in that order. */
static int is_in_order(const tfx_sequence *s)
{
    const tfx_graph *g = &s->graph;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; s->unit_of[i] != TFX_NO_UNIT && k < g->nodes[i].n_in; k++) {
            uint32_t from = g->values[tfx_value_base(g, g->nodes[i].in[k])].node;
            if (from >= i || (s->unit_of[from] != TFX_NO_UNIT && s->unit_of[from] > s->unit_of[i]))
                return 0;
        }
    return 1;
}
#endif

void tfx_sequence_create(tfx_sequence *s, const tfx_graph *g, const tfx_value *outputs, uint32_t n_outputs,
                         tfx_fusing fuse)
{
    *s = (tfx_sequence){0};
    rewrite(s, g, outputs, n_outputs);
    s->unit_of = TFX_NEW_ARRAY(uint32_t, s->graph.n_nodes);
    s->in_place = TFX_NEW_ARRAY(int, s->graph.n_nodes);
    tfx_fuse(s, fuse);
    order_units(s);
    assert(is_in_order(s));
    /* Stores that happen in place are not executed. */
    for (uint32_t u = 0; u < s->n_units; u++)
        if (s->graph.nodes[s->units[u].nodes[0]].op == TFX_OP_STORE && s->in_place[s->units[u].nodes[0]])
            s->units[u].n_nodes = 0;
}

void tfx_sequence_finish(tfx_sequence *s)
{
    for (uint32_t u = 0; u < s->n_units; u++)
        free(s->units[u].nodes);
    free(s->units);
    free(s->unit_of);
    free(s->in_place);
    free(s->outputs);
    tfx_graph_finish(&s->graph);
    *s = (tfx_sequence){0};
}
