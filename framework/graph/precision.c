#include "framework/graph/precision.h"

#include "framework/base/memory.h"
#include "framework/graph/emit.h"

typedef enum operand_use {
    AS_IS,
    NARROW, /* as bf16 */
    WIDEN   /* as the f32 that a bf16 has become again */
} operand_use;

typedef struct rewriting {
    const tfx_graph *from;
    tfx_graph *to;
    tfx_value *map;    /* per value of `from`: what it is in `to` */
    tfx_value *narrow; /* the same as bf16, once it was made */
    char *is_read;     /* as bf16: it is made as soon as the value is, so that this need not be kept */
} rewriting;

/* Whether v is an activation: what a node of the forward pass gives, but neither a statistic (one number for a row, or a
 * second result) nor anything that costs no memory. */
static int is_activation(const tfx_graph *g, tfx_value v)
{
    const tfx_graph_value *x = &g->values[v];
    const tfx_graph_node *n = &g->nodes[x->node];
    const tfx_op_info *op = tfx_op_info_of(n->op);
    return tfx_node_is_forward(n) && !op->no_unit && !op->free_in_unit && v == n->out && x->n_dims &&
           x->dims[x->n_dims - 1] > 1;
}

static operand_use use_of(const tfx_graph *g, uint32_t i, uint32_t k)
{
    const tfx_graph_node *n = &g->nodes[i];
    const tfx_op_info *op = tfx_op_info_of(n->op);
    if (g->values[n->in[k]].dtype != TFX_F32 || n->update || op->exact || n->op == TFX_OP_RESHAPE)
        return AS_IS;
    if (k < 32 && op->bf16 >> k & 1)
        return NARROW;
    return !tfx_node_is_forward(n) && is_activation(g, tfx_value_base(g, n->in[k])) ? WIDEN : AS_IS;
}

/* The copy of the parameter that v is, or TFX_STATE_NONE. */
static uint32_t copy_of(const tfx_graph *g, tfx_value v)
{
    const tfx_graph_node *n = &g->nodes[g->values[v].node];
    return n->op == TFX_OP_PARAM ? g->state->tensors[n->ints[0]].copy : TFX_STATE_NONE;
}

void tfx_precision_declare(const tfx_graph *g, tfx_state_layout *s)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++) {
            if (use_of(g, i, k) != NARROW)
                continue;
            const tfx_graph_node *source = &g->nodes[g->values[tfx_value_base(g, g->nodes[i].in[k])].node];
            if (source->op != TFX_OP_PARAM)
                continue;
            uint32_t param = (uint32_t)source->ints[0];
            const tfx_state_tensor t = s->tensors[param];
            if (t.kind != TFX_STATE_PARAM || t.copy != TFX_STATE_NONE)
                continue;
            char *name = tfx_printf("%s/bf16 copy", t.name);
            uint32_t copy = tfx_state_add(s, TFX_STATE_COPY, name, TFX_BF16, t.n_dims, t.dims);
            s->tensors[copy].owner = param;
            s->tensors[param].copy = copy;
            free(name);
        }
}

/* v as bf16. A view's is a view. */
static tfx_value narrowed(rewriting *r, tfx_value v)
{
    const tfx_graph_value *x = &r->from->values[v];
    const tfx_graph_node *n = &r->from->nodes[x->node];
    uint32_t copy = copy_of(r->from, v);
    if (!r->narrow[v])
        r->narrow[v] = n->op == TFX_OP_RESHAPE  ? tfx_emit_reshape(r->to, narrowed(r, n->in[0]), x->n_dims, x->dims)
                       : copy != TFX_STATE_NONE ? tfx_emit_state(r->to, copy)
                                                : tfx_emit_cast(r->to, r->map[v], TFX_BF16);
    return r->narrow[v];
}

static tfx_value operand(rewriting *r, uint32_t i, uint32_t k)
{
    tfx_value v = r->from->nodes[i].in[k];
    switch (use_of(r->from, i, k)) {
    case NARROW: return narrowed(r, v);
    case WIDEN: /* for each reader its own, so that it is made where it is read */
        return tfx_emit_cast(r->to, narrowed(r, v), TFX_F32);
    default: return r->map[v];
    }
}

static void copy_node(rewriting *r, uint32_t i)
{
    const tfx_graph_node *n = &r->from->nodes[i];
    tfx_graph *to = r->to;
    tfx_graph_mark_like(to, n); /* for casts of operands, too */
    tfx_value *in = TFX_NEW_ARRAY(tfx_value, n->n_in);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = operand(r, i, k);
    tfx_value out = tfx_graph_copy(to, r->from, n, in);
    for (uint32_t k = 0; k < n->n_out; k++) {
        r->map[n->out + k] = out + k;
        if (r->is_read[n->out + k] && n->op != TFX_OP_PARAM)
            narrowed(r, n->out + k);
    }
    uint32_t copy = n->op == TFX_OP_STORE ? copy_of(r->from, n->in[1]) : TFX_STATE_NONE;
    if (copy != TFX_STATE_NONE)
        tfx_emit_store(to, tfx_emit_cast(to, in[0], TFX_BF16), tfx_emit_state(to, copy));
    free(in);
}

void tfx_precision_narrow(tfx_graph *g, tfx_value *wanted, uint32_t n)
{
    tfx_graph to;
    if (g->err->status != TFX_OK)
        return;
    tfx_graph_init(&to, g->state, g->err);
    rewriting r = {g, &to, TFX_NEW_ARRAY(tfx_value, g->n_values), TFX_NEW_ARRAY(tfx_value, g->n_values),
                   TFX_NEW_ARRAY(char, g->n_values)};
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++)
            r.is_read[tfx_value_base(g, g->nodes[i].in[k])] |= use_of(g, i, k) != AS_IS;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        copy_node(&r, i);
    tfx_graph_become(g, &to, r.map, wanted, n);
    free(r.map);
    free(r.narrow);
    free(r.is_read);
}
