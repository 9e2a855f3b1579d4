/* Fusion of nodes that are pointwise, or about rows.
 *
 * Two units of one shape are joined when a value flows from one into the other, and no
 * other path leads from one to the other through a third: such a path would need the
 * joined unit to run both before and after it. Going through the nodes in the order they
 * were emitted, each pointwise node is joined with the units of its operands.
 *
 * Whether there is such a path is found out by looking at everything between the two. That is little
 * where they can be joined, but a whole model where a backward pass reads what the forward pass
 * has made. There, however, a path is near: nearly everything is on the longest path to the later
 * one, and what is not, like one of several branches, leads there in a few steps. The longest paths to all nodes
 * are a tree, in which it takes two comparisons to see who is above whom. */
#include "framework/graph/fusion.h"

#include <string.h>

#include "framework/graph/emit.h"

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
    /* Per node: where its part of the tree of longest paths begins in a walk through it, and its size. */
    uint32_t *enter, *size;
    uint32_t *
        reader; /* per value: the last node, plus 1, of the backward pass that may be joined with others that read it */
    tfx_edges *readers; /* per node: the nodes that read a result of it, ascending */
    uint32_t at;        /* the node that fusion has come to */
} fusion;

/* The tree of longest paths: a node is below the operand that is farthest from any source. */
static void find_longest_paths(fusion *f)
{
    const tfx_graph *g = &f->s->graph;
    uint32_t n = g->n_nodes, *depth = TFX_NEW_ARRAY(uint32_t, n), *above = TFX_NEW_ARRAY(uint32_t, n), next = 0;
    for (uint32_t i = 0; i < n; i++) {
        above[i] = UINT32_MAX;
        f->size[i] = 1;
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++) {
            uint32_t p = g->values[g->nodes[i].in[k]].node;
            if (above[i] == UINT32_MAX || depth[p] > depth[above[i]])
                above[i] = p;
        }
        depth[i] = above[i] == UINT32_MAX ? 0 : depth[above[i]] + 1;
    }
    for (uint32_t i = n; i-- > 0;)
        if (above[i] != UINT32_MAX)
            f->size[above[i]] += f->size[i];
    uint32_t *free_from = depth; /* no longer needed: where the next child of a node begins */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *from = above[i] == UINT32_MAX ? &next : &free_from[above[i]];
        f->enter[i] = *from;
        *from += f->size[i];
        free_from[i] = f->enter[i] + 1;
    }
    free(depth);
    free(above);
}

/* Whether the edge from the node that makes in[k] of n can vanish inside a unit: not
 * through a view, a broadcast (reads other indices), or a sum (ready only at the end). */
static int edge_can_vanish(const tfx_graph *g, const tfx_graph_node *n, uint32_t k)
{
    const tfx_graph_node *p = &g->nodes[g->values[n->in[k]].node];
    return p->op != TFX_OP_RESHAPE && p->op != TFX_OP_SUM && n->op != TFX_OP_BROADCAST;
}

/* Whether n is done far from where its operands were made: what the backward pass makes again of what was kept, and values that
 * were made bf16 and become f32 again. */
static int is_apart(const tfx_graph *g, const tfx_graph_node *n)
{
    int widens = n->op == TFX_OP_CAST && g->values[n->out].dtype == TFX_F32 && g->values[n->in[0]].dtype == TFX_BF16;
    int again = n->recomputed == TFX_RECOMPUTED_VALUE;
    for (uint32_t k = 0; again && k < n->n_in; k++)
        again = g->nodes[g->values[tfx_value_base(g, n->in[k])].node].recomputed != TFX_RECOMPUTED_VALUE;
    return widens || again;
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
            uint32_t p = tfx_unit_of_value(f->s, tfx_value_base(g, n->in[k]));
            if (p != TFX_NO_UNIT && p != u && f->mark[p] == f->stamp && !(p == source && edge_can_vanish(g, n, k)))
                return 1;
        }
    }
    return 0;
}

/* Whether a path from a to b through a third unit is found in a few steps; there may be one where
 * none is found. */
static int path_is_near(const fusion *f, uint32_t a, uint32_t b)
{
    enum { STEPS = 4 * MAX_UNIT_NODES };
    const tfx_unit *from = &f->s->units[a], *to = &f->s->units[b];
    uint32_t queue[STEPS], n = 0, end = f->enter[to->nodes[to->n_nodes - 1]];
    for (; n < from->n_nodes; n++)
        queue[n] = from->nodes[n];
    for (uint32_t i = 0; i < n; i++) {
        const tfx_edges *readers = &f->readers[queue[i]];
        for (uint32_t r = 0; r < readers->n && readers->to[r] <= f->at; r++) {
            uint32_t node = readers->to[r], unit = f->s->unit_of[node];
            if (unit != TFX_NO_UNIT && unit != a && unit != b && end - f->enter[node] < f->size[node])
                return 1;
            if (n < STEPS)
                queue[n++] = node;
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

/* Joins two units when that is allowed; returns the number of the unit that b is in now.
 * Whatever depends on the earlier one without going into the later one is moved behind the
 * joined unit; the rest of what lies between stays before it. */
static uint32_t try_join(fusion *f, uint32_t a, uint32_t b)
{
    const uint32_t apart = b;
    if (f->position[a] > f->position[b]) {
        uint32_t t = a;
        a = b;
        b = t;
    }
    const tfx_unit *ua = &f->s->units[a], *ub = &f->s->units[b];
    if (!ua->pointwise || !ub->pointwise || !tfx_graph_same_shape(&f->s->graph, ua->domain, ub->domain) ||
        ua->n_nodes + ub->n_nodes > MAX_UNIT_NODES)
        return apart;
    uint32_t lo = f->position[a], hi = f->position[b];
    if (hi - lo > MAX_UNIT_NODES && path_is_near(f, a, b))
        return apart;
    f->mark[a] = ++f->stamp;
    for (uint32_t i = lo + 1; i < hi; i++)
        if (reads_marked(f, f->order[i], TFX_NO_UNIT))
            f->mark[f->order[i]] = f->stamp;
    if (reads_marked(f, b, a))
        return apart;
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
    return a;
}

/* What the backward pass makes again (recompute.h), it makes where what that takes is read anyway. */
static void join_readers(fusion *f, const tfx_graph_node *n, uint32_t u)
{
    const tfx_graph *g = &f->s->graph;
    if (tfx_node_is_forward(n) || n->op == TFX_OP_STORE || n->update)
        return;
    for (uint32_t k = 0; k < n->n_in; k++) {
        tfx_value v = tfx_value_base(g, n->in[k]);
        if (!tfx_node_is_forward(&g->nodes[g->values[v].node]) || !tfx_graph_same_shape(g, n->in[k], n->out))
            continue;
        uint32_t other = f->reader[v];
        f->reader[v] = f->at + 1;
        if (other && f->s->unit_of[other - 1] != u && (n->recomputed || g->nodes[other - 1].recomputed))
            u = try_join(f, f->s->unit_of[other - 1], u);
    }
}

static int has_short_rows(const tfx_graph *g, const tfx_graph_node *n)
{
    const tfx_graph_value *y = &g->values[n->out];
    return tfx_op_info_of(n->op)->rows && y->n_dims && y->dims[y->n_dims - 1] <= TFX_FUSE_MAX_ROW;
}

static uint32_t new_unit(tfx_sequence *s, uint32_t node, tfx_fusing fuse)
{
    const tfx_graph_node *n = &s->graph.nodes[node];
    tfx_unit *u = TFX_APPEND(s->units, s->n_units, s->cap_units);
    *TFX_APPEND(u->nodes, u->n_nodes, u->cap_nodes) = node;
    u->pointwise = tfx_op_info_of(n->op)->pointwise || (fuse == TFX_FUSE_ROWS && has_short_rows(&s->graph, n));
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

void tfx_fuse(tfx_sequence *s, tfx_fusing fuse)
{
    tfx_graph *g = &s->graph;
    fusion f = {.s = s};
    uint32_t **arrays[] = {&f.order, &f.position, &f.mark, &f.scratch, &f.enter, &f.size};
    enum { N_ARRAYS = sizeof(arrays) / sizeof(*arrays) };
    for (size_t i = 0; i < N_ARRAYS; i++)
        *arrays[i] = TFX_NEW_ARRAY(uint32_t, g->n_nodes);
    f.reader = TFX_NEW_ARRAY(uint32_t, g->n_values);
    f.readers = TFX_NEW_ARRAY(tfx_edges, g->n_nodes);
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++)
            tfx_edge_add(f.readers, g->values[g->nodes[i].in[k]].node, i);
    find_longest_paths(&f);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        f.at = i;
        const tfx_graph_node *n = &g->nodes[i];
        s->unit_of[i] = TFX_NO_UNIT;
        if (tfx_op_info_of(n->op)->no_unit)
            continue;
        uint32_t u = new_unit(s, i, fuse);
        f.position[u] = f.n_order;
        f.order[f.n_order++] = u;
        for (uint32_t k = 0; fuse && s->units[u].pointwise && !is_apart(g, n) && k < n->n_in; k++) {
            uint32_t p = tfx_unit_of_value(s, n->in[k]);
            if (p != TFX_NO_UNIT && p != u && edge_can_vanish(g, n, k))
                u = try_join(&f, p, u);
        }
        if (fuse == TFX_FUSE_ROWS && s->units[u].pointwise)
            join_readers(&f, n, u);
    }
    /* A sum that joined nothing is an ordinary reduction, and so is an op on rows. Close the gaps of joined units. */
    uint32_t kept = 0;
    for (uint32_t u = 0; u < s->n_units; u++) {
        tfx_unit *unit = &s->units[u];
        if (!unit->n_nodes)
            continue;
        if (unit->n_nodes == 1)
            unit->pointwise = tfx_op_info_of(g->nodes[unit->nodes[0]].op)->pointwise;
        for (uint32_t i = 0; i < unit->n_nodes; i++)
            s->unit_of[unit->nodes[i]] = kept;
        s->units[kept++] = *unit;
    }
    s->n_units = kept;
    for (size_t i = 0; i < N_ARRAYS; i++)
        free(*arrays[i]);
    for (uint32_t i = 0; i < g->n_nodes; i++)
        free(f.readers[i].to);
    free(f.readers);
    free(f.reader);
}
