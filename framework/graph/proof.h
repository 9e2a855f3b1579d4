/* Proof: whether one graph computes what another one does, by argument.
 *
 * Given what the parameters of a new graph are made of, each of its values is related to a value of an old graph, node
 * by node: a node whose operands are related to those of an old node of the same op has, by the op's rule, a result that is
 * related to that one's result. Values that are zero vanish from sums, so that a graph may have whole layers that the
 * other has not. Nothing is computed, and nothing depends on what the parameters' numbers are.
 *
 * What it says holds in exact arithmetic. It may fail to see that two graphs agree, but not that they differ. */
#ifndef TFX_GRAPH_PROOF_H
#define TFX_GRAPH_PROOF_H

#include "framework/graph/related.h"

typedef struct tfx_proof tfx_proof;

/* Both graphs are of the forward pass, with custom ops lowered; they and what `made` of the new one has (the layers that
 * messages name; may be NULL) outlive the proof. The caller destroys it. */
tfx_proof *tfx_proof_create(const tfx_graph *old, const tfx_graph *now);
void tfx_proof_destroy(tfx_proof *p);

/* Where relations of the parameters are to be allocated. */
tfx_relations *tfx_proof_relations(tfx_proof *p);
/* What the new graph's parameter with that index in its state layout is; `old` is a value of the old graph. One that
 * nothing is said of is unrelated. Inputs are those of the same name. */
void tfx_proof_param(tfx_proof *p, uint32_t state, const tfx_related *is);

/* Whether value `now` of the new graph is value `old` of the old one times *factor; 0 with *why if that cannot be
 * shown, else 1 with *why what it rests on. Texts live as long as the proof. */
int tfx_proof_same(tfx_proof *p, tfx_value now, tfx_value old, double *factor, const char **why);
/* After that: what a value of the new graph was found to be. */
const tfx_related *tfx_proof_value(const tfx_proof *p, tfx_value now);

#endif
