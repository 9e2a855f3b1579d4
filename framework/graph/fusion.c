/* Fusion of pointwise nodes.
 *
 * Two units of one shape are joined when a value flows from one into the other, and no
 * other path leads from one to the other through a third: such a path would need the
 * joined unit to run both before and after it. Going through the nodes in the order they
 * were emitted, each pointwise node is joined with the units of its operands. */
#include "framework/graph/fusion.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"

/* A unit's program must stay small enough for a backend to keep its tiles in cache. */
#define MAX_UNIT_NODES 64

typedef struct fusion {
    tfx_sequence *s;
    uint32_t *order;    /* unit numbers, each after all it depends on */
    uint32_t *position; /* per unit: its place in `order` */
    uint32_t n_order;
    uint32_t *mark; /* per unit: equals `stamp` when it depends on the unit in question */
    uint32_t stamp;
    uint32_t *scratch;
} fusion;

static int same_domain(const tfx_graph *g, tfx_value a, tfx_value b)
{
    const tfx_graph_value *x = &g->values[a], *y = &g->values[b];
    return x->n_dims == y->n_dims && !memcmp(x->dims, y->dims, sizeof(int64_t) * x->n_dims);
}

static uint32_t producer_unit(const tfx_sequence *s, tfx_value v)
{
    return s->unit_of[s->graph.values[v].node];
}

/* Whether the edge from the node that makes in[k] of n can vanish inside a unit: not
 * through a view, a broadcast (reads other indices), or a sum (ready only at the end). */
static int edge_can_vanish(const tfx_graph *g, const tfx_graph_node *n, uint32_t k)
{
    const tfx_graph_node *p = &g->nodes[g->values[n->in[k]].node];
    return p->op != TFX_OP_RESHAPE && p->op != TFX_OP_SUM && n->op != TFX_OP_BROADCAST;
}

/* Whether u reads a unit that is marked; edges straight from `source` that vanish when the
 * two are joined do not count. */
static int reads_marked(const fusion *f, uint32_t u, uint32_t source)
{
    const tfx_graph *g = &f->s->graph;
    const tfx_unit *unit = &f->s->units[u];
    for (uint32_t i = 0; i < unit->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[unit->nodes[i]];
        for (uint32_t k = 0; k < n->n_in; k++) {
            uint32_t p = producer_unit(f->s, tfx_sequence_base(g, n->in[k]));
            if (p != UINT32_MAX && p != u && f->mark[p] == f->stamp && !(p == source && edge_can_vanish(g, n, k)))
                return 1;
        }
    }
    return 0;
}

/* Moves the nodes of unit b into unit a, keeping them sorted. */
static void join(fusion *f, uint32_t a, uint32_t b)
{
    tfx_unit *ua = &f->s->units[a], *ub = &f->s->units[b];
    uint32_t n = ua->n_nodes + ub->n_nodes;
    uint32_t *merged = TFX_NEW_ARRAY(uint32_t, n);
    for (uint32_t i = 0, j = 0, k = 0; k < n; k++) {
        int from_a = j == ub->n_nodes || (i < ua->n_nodes && ua->nodes[i] < ub->nodes[j]);
        merged[k] = from_a ? ua->nodes[i++] : ub->nodes[j++];
    }
    for (uint32_t i = 0; i < ub->n_nodes; i++)
        f->s->unit_of[ub->nodes[i]] = a;
    free(ua->nodes);
    free(ub->nodes);
    ua->nodes = merged;
    ua->n_nodes = n;
    ua->cap_nodes = n;
    *ub = (tfx_unit){0};
}

/* Joins two units when that is allowed; the number of the joined unit goes to *joined.
 * Whatever depends on the earlier one without going into the later one is moved behind the
 * joined unit; the rest of what lies between stays before it. */
static int try_join(fusion *f, uint32_t a, uint32_t b, uint32_t *joined)
{
    if (f->position[a] > f->position[b]) {
        uint32_t t = a;
        a = b;
        b = t;
    }
    const tfx_unit *ua = &f->s->units[a], *ub = &f->s->units[b];
    if (!ua->pointwise || !ub->pointwise || !same_domain(&f->s->graph, ua->domain, ub->domain) ||
        ua->n_nodes + ub->n_nodes > MAX_UNIT_NODES)
        return 0;
    uint32_t lo = f->position[a], hi = f->position[b];
    f->mark[a] = ++f->stamp;
    for (uint32_t i = lo + 1; i < hi; i++)
        if (reads_marked(f, f->order[i], UINT32_MAX))
            f->mark[f->order[i]] = f->stamp;
    if (reads_marked(f, b, a))
        return 0;
    uint32_t before = 0, after = 0;
    for (uint32_t i = lo + 1; i < hi; i++) {
        uint32_t u = f->order[i];
        if (f->mark[u] == f->stamp)
            f->scratch[after++] = u;
        else
            f->order[lo + before++] = u;
    }
    f->order[lo + before] = a;
    memcpy(&f->order[lo + before + 1], f->scratch, sizeof(*f->scratch) * after);
    memmove(&f->order[hi], &f->order[hi + 1], sizeof(*f->order) * (f->n_order - hi - 1)); /* b is gone */
    f->n_order--;
    for (uint32_t i = lo; i < f->n_order; i++)
        f->position[f->order[i]] = i;
    join(f, a, b);
    *joined = a;
    return 1;
}

static uint32_t new_unit(tfx_sequence *s, uint32_t node)
{
    const tfx_graph_node *n = &s->graph.nodes[node];
    tfx_unit *u = TFX_APPEND(s->units, s->n_units, s->cap_units);
    *TFX_APPEND(u->nodes, u->n_nodes, u->cap_nodes) = node;
    u->pointwise = tfx_op_info_of(n->op)->pointwise;
    u->domain = n->n_out ? n->out : TFX_POISON;
    if (n->op == TFX_OP_SUM) { /* of everything: may end a unit over its operand's shape */
        const tfx_graph_value *x = &s->graph.values[n->in[0]];
        if (n->ints[0] == ((int64_t)1 << x->n_dims) - 1 && x->n_dims) {
            u->pointwise = 1;
            u->domain = n->in[0];
        }
    }
    s->unit_of[node] = s->n_units - 1;
    return s->n_units - 1;
}

void tfx_fuse(tfx_sequence *s, int fuse)
{
    tfx_graph *g = &s->graph;
    fusion f = {.s = s};
    f.order = TFX_NEW_ARRAY(uint32_t, g->n_nodes + 1);
    f.position = TFX_NEW_ARRAY(uint32_t, g->n_nodes + 1);
    f.mark = TFX_NEW_ARRAY(uint32_t, g->n_nodes + 1);
    f.scratch = TFX_NEW_ARRAY(uint32_t, g->n_nodes + 1);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        s->unit_of[i] = UINT32_MAX;
        if (tfx_op_info_of(n->op)->no_unit)
            continue;
        uint32_t u = new_unit(s, i);
        f.position[u] = f.n_order;
        f.order[f.n_order++] = u;
        for (uint32_t k = 0; fuse && s->units[u].pointwise && k < n->n_in; k++) {
            uint32_t p = producer_unit(s, n->in[k]);
            if (p != UINT32_MAX && p != u && edge_can_vanish(g, n, k))
                try_join(&f, p, u, &u);
        }
    }
    /* A sum that joined nothing is an ordinary reduction. Close the gaps of joined units. */
    uint32_t kept = 0;
    for (uint32_t u = 0; u < s->n_units; u++) {
        if (!s->units[u].n_nodes)
            continue;
        if (s->units[u].n_nodes == 1 && g->nodes[s->units[u].nodes[0]].op == TFX_OP_SUM)
            s->units[u].pointwise = 0;
        s->units[kept++] = s->units[u];
    }
    s->n_units = kept;
    for (uint32_t u = 0; u < s->n_units; u++)
        for (uint32_t i = 0; i < s->units[u].n_nodes; i++)
            s->unit_of[s->units[u].nodes[i]] = u;
    free(f.order);
    free(f.position);
    free(f.mark);
    free(f.scratch);
}
