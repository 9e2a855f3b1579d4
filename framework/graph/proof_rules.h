/* Proof rules: what a node's result is, given what its operands are. Internal to framework/graph; the rows of ops.c name
 * them. A rule gives the first result but for `old`, which the caller sets, and is asked when every operand is related to that of an old node of the same op, of the same rank. */
#ifndef TFX_GRAPH_PROOF_RULES_H
#define TFX_GRAPH_PROOF_RULES_H

#include "framework/graph/proof_words.h"

typedef struct tfx_proof_step {
    tfx_proof_words *words;
    tfx_relations *r;
    const tfx_graph *old_graph, *now_graph;
    const tfx_graph_node *old, *now;
    const tfx_related *in; /* per operand, in terms of the old node's operand */
} tfx_proof_step;

static inline const tfx_graph_value *tfx_proof_now(const tfx_proof_step *s, uint32_t operand)
{
    return &s->now_graph->values[s->now->in[operand]];
}

static inline const tfx_graph_value *tfx_proof_old(const tfx_proof_step *s, uint32_t operand)
{
    return &s->old_graph->values[s->old->in[operand]];
}

/* Whether the first result is zero because operands are, whatever the old graph has. */
int tfx_proof_is_zero(const tfx_graph_node *n, const tfx_related *in);

/* For messages. */
static inline const char *tfx_proof_name(const tfx_relation *a, const tfx_relation *b)
{
    return a && a->name ? a->name : b && b->name ? b->name : "a dimension";
}

/* One dimension of a product element by element; 0 with *why. */
int tfx_proof_multiply(const tfx_proof_step *s, const tfx_relation *a, const tfx_relation *b, const tfx_relation **out,
                       const char **why);
/* One dimension behind an op that is not linear: scales must be 1; 0 with *why. Zeros stay where the op has them stay. */
int tfx_proof_bend(const tfx_proof_step *s, const tfx_relation *a, int keeps_zeros, const tfx_relation **out,
                   const char **why);

#endif
