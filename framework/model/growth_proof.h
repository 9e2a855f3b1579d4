/* Growth proof: whether a grown model computes what the old one did, by argument alone (graph/proof.h). */
#ifndef TFX_MODEL_GROWTH_PROOF_H
#define TFX_MODEL_GROWTH_PROOF_H

#include "framework/model/growth_map.h"
#include "framework/spec/tree.h"

/* What can be said before anything is trained. */
typedef struct tfx_growth_claim {
    int preserves;       /* for every input and whatever the parameters are, but for rounding */
    double logit_factor; /* the logits are those of before times this, 1 where it preserves; 0: they are others */
    char *why;           /* what it rests on, or the first thing that is in the way; owned */
} tfx_growth_claim;

/* About a closed map between the two models. A message if one of them cannot be built. */
tfx_status tfx_growth_prove(const tfx_model *from, const tfx_model *to, const tfx_growth_map *map,
                            const tfx_registry *registry, tfx_growth_claim *claim, tfx_error *err);
void tfx_growth_claim_finish(tfx_growth_claim *claim);

/* "keeps the function: WHY", "changes the function: WHY" where it is known how, or "may change the function: WHY"; heap. */
char *tfx_growth_claim_text(const tfx_growth_claim *claim);

#endif
