/* Proof rules: what a node's result is, given what its operands are. Internal to framework/graph; the rows of ops.c name
 * them. A rule gives the first result but for `old`, which the caller sets, and is asked when every operand is related to that of an old node of the same op, of the same rank. */
#ifndef TFX_GRAPH_PROOF_RULES_H
#define TFX_GRAPH_PROOF_RULES_H

#include "framework/graph/proof.h"

/* What an argument can rest on, besides equal computation. */
typedef enum tfx_fact {
    TFX_FACT_COPIES,      /* copies are summed with weights that add up to what one had */
    TFX_FACT_ZEROS,       /* what is new is zero, or meets zeros, where it is summed */
    TFX_FACT_NORM,        /* a norm divides by what it divided by before */
    TFX_FACT_ZERO_WRITER, /* a layer adds zero */
    TFX_N_FACTS
} tfx_fact;

typedef struct tfx_proof_step {
    tfx_proof *p;
    tfx_relations *r;
    const tfx_graph *old_graph, *now_graph;
    const tfx_graph_node *old, *now;
    const tfx_related *in; /* per operand, in terms of the old node's operand */
} tfx_proof_step;

/* A result that is not known; the layer and the op are put before the text. */
tfx_related tfx_proof_no(const tfx_proof_step *s, const char *fmt, ...) TFX_PRINTF(2, 3);
/* `name` of a dimension or a layer; NULL is not noted. */
void tfx_proof_note(tfx_proof *p, tfx_fact fact, const char *name);

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
