#include "framework/graph/axis_walk.h"

#include <assert.h>

#include "framework/base/memory.h"
#include "framework/graph/ops.h"

static int64_t size_of(const tfx_axis_walk *w, tfx_value x, uint32_t i)
{
    return w->g->values[x].dims[i];
}

void tfx_axis_mark(tfx_axis_walk *w, tfx_value x, uint32_t i, uint32_t marks, const char *rigid)
{
    if (!w->backwards)
        tfx_atom_mark(&w->atoms, w->values[x].dims[i], marks, rigid);
}

void tfx_axis_tie(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k)
{
    assert(size_of(w, x, i) == size_of(w, y, k));
    if (!w->backwards)
        tfx_atom_unite(&w->atoms, w->values[x].dims[i], w->values[y].dims[k]);
}

/* ---- roles ---- */

static uint32_t count_parts(tfx_axis_walk *w, tfx_value x, uint32_t from, uint32_t to)
{
    tfx_atom_list parts = {0};
    for (uint32_t i = from; i < to; i++)
        tfx_atom_parts(&w->atoms, w->values[x].dims[i], &parts);
    free(parts.items);
    return parts.n;
}

/* Gives n roles from `at` on which of these m have: one by one where they are the same parts, else each of all. */
static void add_roles(uint8_t *at, uint32_t n, const uint8_t *roles, uint32_t m, uint8_t which)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = n == m ? i : 0; k < (n == m ? i + 1 : m); k++)
            at[i] |= roles[k] & which;
}

static void add_role(tfx_axis_walk *w, tfx_value x, uint32_t i, uint32_t n, uint8_t role)
{
    uint8_t *at = w->values[x].roles + count_parts(w, x, 0, i);
    for (uint32_t p = count_parts(w, x, i, i + n); p-- > 0;)
        at[p] |= role;
}

/* Dimensions of the operand x [i, i + n) are used as those of the result y [k, k + m). */
static void carry_roles(tfx_axis_walk *w, tfx_value x, uint32_t i, uint32_t n, tfx_value y, uint32_t k, uint32_t m)
{
    uint8_t which = w->bends ? 0 : TFX_AXIS_NORMALISED;
    if (w->values[x].weights && w->values[y].weights)
        which |= TFX_AXIS_PRODUCED | TFX_AXIS_CONSUMED | TFX_AXIS_GAIN;
    else if (w->values[x].weights)
        add_role(w, x, i, n, TFX_AXIS_PRODUCED | (w->gain ? TFX_AXIS_GAIN : 0));
    add_roles(w->values[x].roles + count_parts(w, x, 0, i), count_parts(w, x, i, i + n),
              w->values[y].roles + count_parts(w, y, 0, k), count_parts(w, y, k, k + m), which);
}

void tfx_axis_consume(tfx_axis_walk *w, tfx_value x, uint32_t i)
{
    if (w->backwards && w->values[x].weights)
        add_role(w, x, i, 1, TFX_AXIS_CONSUMED);
}

void tfx_axis_normalise(tfx_axis_walk *w, tfx_value x, uint32_t i)
{
    if (w->backwards)
        add_role(w, x, i, 1, TFX_AXIS_NORMALISED);
}

void tfx_axis_bends(tfx_axis_walk *w, int bends)
{
    w->bends = bends;
}

void tfx_axis_gain(tfx_axis_walk *w, int gain)
{
    w->gain = gain;
}

/* ---- statements about operand and result ---- */

void tfx_axis_link(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k)
{
    assert(size_of(w, x, i) == size_of(w, y, k));
    uint32_t *to = &w->values[y].dims[k], from = w->values[x].dims[i];
    if (w->backwards)
        carry_roles(w, x, i, 1, y, k, 1);
    else if (*to == TFX_NO_ATOM)
        *to = from;
    else
        tfx_atom_unite(&w->atoms, from, *to);
}

void tfx_axis_link_all(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k, uint32_t n)
{
    for (uint32_t d = 0; d < n; d++)
        tfx_axis_link(w, x, i + d, y, k + d);
}

void tfx_axis_regroup(tfx_axis_walk *w, tfx_value x, tfx_value y)
{
    const tfx_graph_value *from = &w->g->values[x], *to = &w->g->values[y];
    if (w->backwards)
        carry_roles(w, x, 0, from->n_dims, y, 0, to->n_dims);
    else
        tfx_atom_reshape(&w->atoms, w->values[x].dims, from->n_dims, w->values[y].dims, to->dims, to->n_dims);
}

static void give_atom(tfx_axis_walk *w, tfx_value y, uint32_t k)
{
    if (w->values[y].dims[k] == TFX_NO_ATOM)
        w->values[y].dims[k] = tfx_atom_new(&w->atoms, size_of(w, y, k));
}

void tfx_axis_partly(tfx_axis_walk *w, tfx_value x, uint32_t i, tfx_value y, uint32_t k, const char *why)
{
    if (w->backwards) {
        carry_roles(w, x, i, 1, y, k, 1);
        return;
    }
    give_atom(w, y, k);
    tfx_axis_mark(w, x, i, 0, why);
    tfx_axis_mark(w, y, k, 0, why);
}

void tfx_axis_index(tfx_axis_walk *w, tfx_value indices, tfx_value x, uint32_t i)
{
    const tfx_graph *g = w->g;
    if (w->backwards)
        return;
    tfx_axis_mark(w, x, i, TFX_AXIS_INDEXED, NULL);
    /* Numbers that were only moved about index what they did before. */
    for (const tfx_graph_node *n = &g->nodes[g->values[indices].node]; n->n_in; n = &g->nodes[g->values[indices].node])
        indices = n->in[0];
    uint32_t *range = &w->values[indices].range, atom = w->values[x].dims[i];
    if (*range == TFX_NO_ATOM)
        *range = atom;
    else if (atom != TFX_NO_ATOM && w->atoms.items[*range].size == w->atoms.items[atom].size)
        tfx_atom_unite(&w->atoms, *range, atom);
}

/* ---- the walk ---- */

static void visit(tfx_axis_walk *w, const tfx_graph_node *n)
{
    const tfx_op_info *op = tfx_op_info_of(n->op);
    w->bends = w->gain = 0;
    if (op->axes)
        op->axes(w, n);
    else /* an op whose use of its operands is not known */
        for (uint32_t k = 0; k < n->n_in; k++)
            for (uint32_t i = 0; i < w->g->values[n->in[k]].n_dims; i++)
                tfx_axis_mark(w, n->in[k], i, 0, "an operation without a rule for axes uses it");
}

void tfx_axis_walk_run(tfx_axis_walk *w, const tfx_graph *g)
{
    *w = (tfx_axis_walk){.g = g, .values = TFX_NEW_ARRAY(tfx_axis_value, g->n_values)};
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        /* An array is as large as its layer makes it. */
        int is_input = n->op == TFX_OP_INPUT && g->state->tensors[n->ints[0]].kind == TFX_STATE_INPUT;
        int weights = !is_input;
        for (uint32_t k = 0; k < n->n_in; k++)
            weights &= w->values[n->in[k]].weights;
        visit(w, n);
        for (tfx_value v = n->out; v < n->out + n->n_out; v++) {
            w->values[v].weights = weights;
            for (uint32_t d = 0; d < g->values[v].n_dims; d++)
                give_atom(w, v, d); /* what no rule has tied to anything */
        }
        if (is_input)
            for (uint32_t d = 0; d < g->values[n->out].n_dims; d++)
                tfx_axis_mark(w, n->out, d, 0, "it is a dimension of the input");
    }
    w->backwards = 1;
    for (tfx_value v = 1; v < g->n_values; v++)
        w->values[v].roles = TFX_NEW_ARRAY(uint8_t, count_parts(w, v, 0, g->values[v].n_dims));
    for (uint32_t i = g->n_nodes; i-- > 0;)
        visit(w, &g->nodes[i]);
}

void tfx_axis_walk_finish(tfx_axis_walk *w)
{
    for (tfx_value v = 1; w->values && v < w->g->n_values; v++)
        free(w->values[v].roles);
    free(w->values);
    tfx_atoms_finish(&w->atoms);
}
