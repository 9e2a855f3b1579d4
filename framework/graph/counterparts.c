#include "framework/graph/counterparts.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"

/* Whether two nodes that are alike have that attribute in common. */
static int in_common(tfx_op op, uint32_t i)
{
    return !(tfx_op_info_of(op)->sizes >> i & 1);
}

static uint64_t mixed(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* `operands` are values of the old graph, each the first of its equals. */
static uint64_t hash_of(const tfx_graph_node *n, const tfx_value *operands)
{
    uint64_t h = mixed((uint64_t)n->op, n->n_in);
    for (uint32_t i = 0; i < TFX_MAX_INTS; i++)
        if (in_common(n->op, i))
            h = mixed(h, (uint64_t)n->ints[i]);
    for (uint32_t k = 0; k < n->n_in; k++)
        h = mixed(h, operands[k]);
    return h;
}

static int alike(const tfx_counterparts *c, const tfx_graph_node *old, const tfx_graph_node *n,
                 const tfx_value *operands)
{
    if (old->op != n->op || old->n_in != n->n_in || old->custom != n->custom)
        return 0;
    for (uint32_t i = 0; i < TFX_MAX_INTS; i++)
        if (in_common(n->op, i) && old->ints[i] != n->ints[i])
            return 0;
    for (uint32_t k = 0; k < n->n_in; k++)
        if (c->equal[old->in[k]] != operands[k])
            return 0;
    return 1;
}

/* Whether two nodes that are alike compute the same. */
static int computes_same(const tfx_counterparts *c, const tfx_graph_node *a, const tfx_graph_node *b)
{
    const tfx_graph_value *x = &c->g->values[a->out], *y = &c->g->values[b->out];
    for (uint32_t k = 0; k < a->n_in; k++) {
        const tfx_graph_value *u = &c->g->values[a->in[k]], *v = &c->g->values[b->in[k]];
        if (c->factor[a->in[k]] != c->factor[b->in[k]] || u->n_dims != v->n_dims ||
            memcmp(u->dims, v->dims, sizeof(*u->dims) * u->n_dims))
            return 0;
    }
    return !memcmp(a->ints, b->ints, sizeof(a->ints)) && !memcmp(a->reals, b->reals, sizeof(a->reals)) &&
           x->dtype == y->dtype && x->n_dims == y->n_dims && !memcmp(x->dims, y->dims, sizeof(*x->dims) * x->n_dims);
}

static void enter(tfx_counterparts *c, uint32_t node, tfx_value *operands)
{
    const tfx_graph_node *n = &c->g->nodes[node];
    for (uint32_t k = 0; k < n->n_in; k++)
        operands[k] = c->equal[n->in[k]];
    uint32_t *at = &c->first[hash_of(n, operands) % c->n_buckets];
    for (; *at != TFX_NO_NODE; at = &c->next[*at]) {
        const tfx_graph_node *before = &c->g->nodes[*at];
        if (!alike(c, before, n, operands) || !computes_same(c, before, n))
            continue;
        for (uint32_t i = 0; i < n->n_out; i++)
            c->equal[n->out + i] = c->equal[before->out + i];
        return;
    }
    *at = node;
}

/* The most operands that a node has. */
static uint32_t most_operands(const tfx_graph *g)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        most = g->nodes[i].n_in > most ? g->nodes[i].n_in : most;
    return most;
}

void tfx_counterparts_init(tfx_counterparts *c, const tfx_graph *g)
{
    *c = (tfx_counterparts){.g = g};
    tfx_value *operands = TFX_NEW_ARRAY(tfx_value, most_operands(g));
    c->equal = TFX_NEW_ARRAY(tfx_value, g->n_values);
    c->factor = TFX_NEW_ARRAY(double, g->n_values);
    c->n_buckets = 2 * g->n_nodes + 1;
    c->first = TFX_NEW_ARRAY(uint32_t, c->n_buckets);
    c->next = TFX_NEW_ARRAY(uint32_t, g->n_nodes);
    memset(c->first, 0xff, sizeof(*c->first) * c->n_buckets);
    memset(c->next, 0xff, sizeof(*c->next) * g->n_nodes);
    for (tfx_value v = 0; v < g->n_values; v++) {
        c->equal[v] = v;
        c->factor[v] = 1;
    }
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (n->op == TFX_OP_CONST && n->reals[0] != 0) {
            c->equal[n->out] = TFX_POISON; /* times 1 */
            c->factor[n->out] = n->reals[0];
        } else if (n->op == TFX_OP_BROADCAST || (tfx_is_scaling(n) && n->reals[0] != 0)) {
            c->equal[n->out] = c->equal[n->in[0]];
            c->factor[n->out] = c->factor[n->in[0]] * (tfx_is_scaling(n) ? n->reals[0] : 1);
        } else {
            enter(c, i, operands);
        }
    }
    free(operands);
}

void tfx_counterparts_finish(tfx_counterparts *c)
{
    free(c->equal);
    free(c->factor);
    free(c->first);
    free(c->next);
    *c = (tfx_counterparts){0};
}

static uint32_t find(const tfx_counterparts *c, uint32_t at, const tfx_graph_node *n, const tfx_value *operands)
{
    while (at != TFX_NO_NODE && !alike(c, &c->g->nodes[at], n, operands))
        at = c->next[at];
    return at;
}

uint32_t tfx_counterparts_first(const tfx_counterparts *c, const tfx_graph_node *n, const tfx_value *operands)
{
    return find(c, c->first[hash_of(n, operands) % c->n_buckets], n, operands);
}

uint32_t tfx_counterparts_next(const tfx_counterparts *c, uint32_t at, const tfx_graph_node *n,
                               const tfx_value *operands)
{
    return find(c, c->next[at], n, operands);
}
