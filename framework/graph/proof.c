#include "framework/graph/proof.h"

#include <assert.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/graph/counterparts.h"
#include "framework/graph/ops.h"
#include "framework/graph/proof_rules.h"
#include "framework/graph/residual.h"

struct tfx_proof {
    const tfx_graph *old, *now;
    tfx_relations relations;
    tfx_related *values; /* of the new graph */
    char *of_inputs;     /* per value of the new graph: it is not made of parameters alone */
    tfx_related *params; /* per state tensor of the new graph */
    tfx_counterparts old_nodes;
    tfx_proof_words words;
};

tfx_proof *tfx_proof_create(const tfx_graph *old, const tfx_graph *now)
{
    tfx_proof *p = TFX_NEW(tfx_proof);
    p->old = old;
    p->now = now;
    p->words = (tfx_proof_words){.now = now, .relations = &p->relations};
    p->values = TFX_NEW_ARRAY(tfx_related, now->n_values);
    p->params = TFX_NEW_ARRAY(tfx_related, now->state->n);
    p->of_inputs = TFX_NEW_ARRAY(char, now->n_values);
    tfx_counterparts_init(&p->old_nodes, old);
    return p;
}

void tfx_proof_destroy(tfx_proof *p)
{
    if (!p)
        return;
    tfx_proof_words_finish(&p->words);
    tfx_relations_finish(&p->relations);
    free(p->values);
    free(p->of_inputs);
    free(p->params);
    tfx_counterparts_finish(&p->old_nodes);
    free(p);
}

tfx_relations *tfx_proof_relations(tfx_proof *p)
{
    return &p->relations;
}

/* ---- the walk ---- */

/* Who made what is added. */
static const char *giver_of(const tfx_proof *p, tfx_value v)
{
    return p->now->made ? tfx_residual_writer(p->now, p->now->made, &(tfx_residual){.written = v}) : NULL;
}

/* The parameter of the product that what is added ends with; NULL: it ends with none. */
static const char *last_weight(const tfx_proof *p, tfx_value v)
{
    for (const tfx_graph_node *n = &p->now->nodes[p->now->values[v].node]; n->n_in;
         n = &p->now->nodes[p->now->values[n->in[0]].node])
        for (uint32_t k = 0; n->op == TFX_OP_MATMUL && k < 2; k++) {
            const tfx_graph_node *w = &p->now->nodes[p->now->values[n->in[k]].node];
            if (w->op == TFX_OP_PARAM)
                return p->now->state->tensors[w->ints[0]].name;
        }
    return NULL;
}

void tfx_proof_param(tfx_proof *p, uint32_t state, const tfx_related *is)
{
    p->params[state] = *is;
}

/* Scales start with 1, and what does not depend on a dimension has no relation there: so that equal relations look
 * equal. */
static tfx_related normal(tfx_proof *p, tfx_related x, uint32_t n_dims)
{
    for (uint32_t d = 0; d < n_dims && x.kind == TFX_RELATED; d++) {
        double factor;
        if (!x.dims[d])
            continue;
        x.dims[d] = tfx_relation_normalise(&p->relations, x.dims[d], &factor);
        x.factor *= factor;
    }
    if (x.kind == TFX_RELATED && x.factor == 0)
        x.kind = TFX_ZERO;
    return x;
}

/* A filled parameter as other values are: where one dimension has ANY, none of the others says ZERO. */
static tfx_related settled(tfx_proof *p, tfx_related x, uint32_t n_dims)
{
    tfx_related y = x;
    for (uint32_t d = 0; d < n_dims; d++) {
        const char *why = NULL;
        for (uint32_t other = 0; other < n_dims; other++)
            why = other != d && x.dims[other] && x.dims[other]->why ? x.dims[other]->why : why;
        if (!why || !tfx_relation_has(x.dims[d], TFX_RELATION_ZERO))
            continue;
        tfx_relation *to = tfx_relation_copy(&p->relations, x.dims[d]);
        for (int64_t i = 0; i < to->n; i++)
            if (to->index[i] == TFX_RELATION_ZERO)
                tfx_relation_set_any(to, i, why);
        y.dims[d] = to;
    }
    y.filled = 0;
    return y;
}

/* Operand k of a node. In a product that sums over the one dimension where a parameter has ANY, zeros of its others
 * are zeros: a rule sees to it that what is anything meets zeros. */
static tfx_related operand(tfx_proof *p, const tfx_graph_node *n, uint32_t k)
{
    tfx_related x = p->values[n->in[k]];
    uint32_t n_dims = p->now->values[n->in[k]].n_dims;
    int settle = x.filled && x.kind == TFX_RELATED;
    if (settle && n->op == TFX_OP_MATMUL) {
        int transposed = (n->ints[0] & (k == 0 ? TFX_TRANS_A : TFX_TRANS_B)) != 0;
        uint32_t summed = n_dims - ((k == 0) != transposed ? 1 : 2);
        settle = 0;
        for (uint32_t d = 0; d < n_dims; d++)
            settle |= d != summed && tfx_relation_has(x.dims[d], TFX_RELATION_ANY);
    }
    if (settle)
        return settled(p, x, n_dims);
    x.filled = 0;
    return x;
}

static tfx_related input(tfx_proof *p, const tfx_graph_node *n)
{
    const tfx_state_tensor *t = &p->now->state->tensors[n->ints[0]];
    uint32_t at = tfx_state_find(p->old->state, t->name);
    tfx_related y = {.kind = TFX_RELATED, .factor = 1};
    if (at == TFX_STATE_NONE || at >= p->old->n_state_values || !p->old->state_values[at])
        return tfx_proof_no(&p->words, n, "the old model has no such input");
    const tfx_graph_value *old = &p->old->values[p->old->state_values[at]];
    if (old->dtype != t->dtype || old->n_dims != t->n_dims || memcmp(old->dims, t->dims, sizeof(*t->dims) * t->n_dims))
        return tfx_proof_no(&p->words, n, "the old model has another shape of input");
    y.old = p->old->state_values[at];
    for (uint32_t d = 0; d < t->n_dims; d++)
        y.dims[d] = tfx_relation_new(&p->relations, t->dims[d], t->dims[d], NULL);
    return y;
}

static tfx_related param(tfx_proof *p, const tfx_graph_node *n)
{
    const tfx_related *x = &p->params[n->ints[0]];
    if (x->kind == TFX_UNRELATED && !x->why)
        return tfx_proof_no(&p->words, n, "it comes from nothing");
    tfx_related y = *x;
    uint32_t n_dims = p->now->values[n->out].n_dims;
    for (uint32_t d = 0; d < n_dims && y.filled; d++) { /* all zero in one dimension, but for what is filled */
        double factor;
        if (y.dims[d] && (tfx_relation_normalise(&p->relations, y.dims[d], &factor), factor == 0))
            y = settled(p, y, n_dims);
    }
    return y;
}

static tfx_related broadcast(tfx_proof *p, const tfx_graph_node *n)
{
    const tfx_graph_value *from = &p->now->values[n->in[0]], *to = &p->now->values[n->out];
    uint32_t more = to->n_dims - from->n_dims;
    tfx_related x = operand(p, n, 0), y = x;
    if (x.kind != TFX_RELATED)
        return x;
    for (uint32_t d = 0; d < to->n_dims; d++) {
        y.dims[d] = d < more ? NULL : x.dims[d - more];
        if (!y.dims[d] || y.dims[d]->n == to->dims[d])
            continue;
        tfx_relation *even = tfx_relation_new(&p->relations, to->dims[d], y.dims[d]->n_old, y.dims[d]->name);
        even->why = y.dims[d]->why;
        for (int64_t i = 0; i < to->dims[d]; i++) {
            even->index[i] = y.dims[d]->index[0];
            even->scale[i] = y.dims[d]->scale[0];
        }
        y.dims[d] = even;
    }
    return y;
}

static int same_rank(const tfx_proof *p, tfx_value now, tfx_value old)
{
    return p->now->values[now].n_dims == p->old->values[old].n_dims;
}

/* Operands of a new node in terms of those of an old one; 0: it is not the like. */
static int adapt(tfx_proof *p, const tfx_graph_node *now, const tfx_graph_node *old, tfx_related *in)
{
    int fits = same_rank(p, now->out, old->out);
    for (uint32_t k = 0; k < now->n_in && fits; k++) {
        in[k] = operand(p, now, k);
        in[k].factor /= p->old_nodes.factor[old->in[k]];
        fits = same_rank(p, now->in[k], old->in[k]);
        for (uint32_t d = 0; fits && d < p->now->values[now->in[k]].n_dims; d++)
            fits = !in[k].dims[d] || in[k].dims[d]->n_old == p->old->values[old->in[k]].dims[d];
    }
    return fits;
}

/* By the op's rule, with the old node of which it is the like. */
static tfx_related by_rule(tfx_proof *p, const tfx_graph_node *n)
{
    tfx_proof_rule *rule = tfx_op_info_of(n->op)->proof;
    tfx_value *operands = TFX_NEW_ARRAY(tfx_value, n->n_in);
    tfx_related *in = TFX_NEW_ARRAY(tfx_related, n->n_in), y = {0};
    for (uint32_t k = 0; k < n->n_in; k++)
        operands[k] = p->values[n->in[k]].old;
    uint32_t first = rule ? tfx_counterparts_first(&p->old_nodes, n, operands) : TFX_NO_NODE;
    for (int exact = 1; exact >= 0; exact--) /* first those that compute with the same numbers */
        for (uint32_t at = first; at != TFX_NO_NODE && y.kind == TFX_UNRELATED;
             at = tfx_counterparts_next(&p->old_nodes, at, n, operands)) {
            const tfx_graph_node *old = &p->old->nodes[at];
            if (exact != !memcmp(old->reals, n->reals, sizeof(n->reals)) || !adapt(p, n, old, in))
                continue;
            tfx_related found = rule(&(tfx_proof_step){.words = &p->words,
                                                       .r = &p->relations,
                                                       .old_graph = p->old,
                                                       .now_graph = p->now,
                                                       .old = old,
                                                       .now = n,
                                                       .in = in});
            found.old = p->old_nodes.equal[old->out];
            if (found.kind != TFX_UNRELATED || !y.why)
                y = found;
        }
    if (!y.why && y.kind == TFX_UNRELATED) {
        y = tfx_proof_no(&p->words, n,
                         rule ? "the old model does not compute this" : "there is no rule for this operation");
        y.absent = rule != NULL;
    }
    free(operands);
    free(in);
    return y;
}

/* What the first operand that is not related says; one that is more than absent comes first. */
static const tfx_related *first_unrelated(const tfx_proof *p, const tfx_graph_node *n)
{
    const tfx_related *found = NULL;
    for (uint32_t k = 0; k < n->n_in; k++) {
        const tfx_related *x = &p->values[n->in[k]];
        if (x->kind == TFX_UNRELATED && (!found || (found->absent && !x->absent)))
            found = x;
    }
    return found;
}

/* Adds zero, or nothing that is known to be zero. */
static tfx_related add(tfx_proof *p, const tfx_graph_node *n)
{
    for (int k = 0; k < 2; k++) {
        const tfx_related *x = &p->values[n->in[k]], *other = &p->values[n->in[!k]];
        if (x->kind == TFX_ZERO && other->kind == TFX_RELATED) {
            tfx_related y = *other;
            y.factor *= n->op == TFX_OP_SUB && k == 0 ? -1 : 1;
            tfx_proof_note(&p->words, TFX_FACT_ZERO_WRITER, giver_of(p, n->in[k]));
            return y;
        }
        if (x->kind == TFX_UNRELATED && x->absent && other->kind == TFX_RELATED && p->of_inputs[n->in[!k]]) {
            const char *giver = giver_of(p, n->in[k]), *weight = last_weight(p, n->in[k]);
            char *text = tfx_printf("%s adds what the old model does not have (%s), and %s is not zero",
                                    giver ? giver : "something", x->why, weight ? weight : "it");
            tfx_related y = tfx_proof_no(&p->words, n, "%s", text);
            free(text);
            return y;
        }
    }
    const tfx_related *unknown = first_unrelated(p, n);
    return unknown ? *unknown : by_rule(p, n);
}

static tfx_related visit(tfx_proof *p, const tfx_graph_node *n)
{
    switch (n->op) {
    case TFX_OP_INPUT: return input(p, n);
    case TFX_OP_PARAM: return param(p, n);
    case TFX_OP_BROADCAST: return broadcast(p, n);
    case TFX_OP_CONST: return (tfx_related){.kind = n->reals[0] == 0 ? TFX_ZERO : TFX_RELATED, .factor = n->reals[0]};
    default: break;
    }
    tfx_related *in = TFX_NEW_ARRAY(tfx_related, n->n_in);
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = p->values[n->in[k]];
    int zero = tfx_proof_is_zero(n, in), some = 0;
    for (uint32_t k = 0; k < n->n_in; k++)
        some |= in[k].kind == TFX_ZERO;
    free(in);
    if (zero)
        return (tfx_related){.kind = TFX_ZERO};
    if (n->op == TFX_OP_ADD || n->op == TFX_OP_SUB)
        return add(p, n);
    const tfx_related *unknown = first_unrelated(p, n);
    if (unknown)
        return *unknown;
    if (tfx_is_scaling(n)) {
        tfx_related y = operand(p, n, 0);
        y.factor *= n->reals[0];
        return y;
    }
    if (!some)
        return by_rule(p, n);
    tfx_related y = tfx_proof_no(&p->words, n, "one of its operands is zero, and was not");
    y.absent = 1;
    return y;
}

int tfx_proof_same(tfx_proof *p, tfx_value now, tfx_value old, double *factor, const char **why)
{
    const tfx_graph *g = p->now;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        if (!n->n_out)
            continue;
        p->of_inputs[n->out] = n->op == TFX_OP_INPUT;
        for (uint32_t k = 0; k < n->n_in; k++)
            p->of_inputs[n->out] |= p->of_inputs[n->in[k]];
        p->values[n->out] = normal(p, visit(p, n), g->values[n->out].n_dims);
        for (uint32_t k = 1; k < n->n_out; k++)
            p->values[n->out + k] = tfx_proof_no(&p->words, n, "its second result is used, for which there is no rule");
    }
    const tfx_related *x = &p->values[now];
    const tfx_graph_value *u = &g->values[now], *v = &p->old->values[old];
    *why = x->why;
    if (x->kind == TFX_UNRELATED)
        return 0;
    int same = x->kind == TFX_RELATED && x->old == p->old_nodes.equal[old] && u->n_dims == v->n_dims;
    for (uint32_t d = 0; d < u->n_dims && same; d++)
        same = u->dims[d] == v->dims[d] && tfx_relation_is_identity(x->dims[d]);
    *factor = same ? x->factor / p->old_nodes.factor[old] : 0;
    *why = x->kind == TFX_ZERO ? "the result is zero"
           : same              ? tfx_proof_argument(&p->words)
                               : "the result is another value than before";
    return same;
}

const tfx_related *tfx_proof_value(const tfx_proof *p, tfx_value now)
{
    return &p->values[now];
}
