/* Claim text: the sentences that `tfx claim` decides.
 *
 *   A saves OP N% COST at equal loss vs B          saved = 1 - cost of A / cost of B at A's loss
 *   A lowers loss by OP N at equal COST vs B       loss of B at A's cost - loss of A
 *
 * A and B are selectors of arms (endpoints.h) without spaces, OP is >=, >, <= or <, COST flops, tokens or seconds.
 * "excluding ancestors" may follow; a claim should not need it (lints.h). */
#ifndef TFX_ANALYSIS_CLAIM_TEXT_H
#define TFX_ANALYSIS_CLAIM_TEXT_H

#include "framework/analysis/endpoints.h"

typedef enum tfx_claim_kind { TFX_CLAIM_SAVES = 0, TFX_CLAIM_LOWERS } tfx_claim_kind;
typedef enum tfx_claim_op { TFX_CLAIM_AT_LEAST = 0, TFX_CLAIM_ABOVE, TFX_CLAIM_AT_MOST, TFX_CLAIM_BELOW } tfx_claim_op;

typedef struct tfx_claim_text {
    char *a, *b;
    tfx_claim_kind kind;
    tfx_claim_op op;
    double number; /* 0.3 for 30% */
    tfx_cost_kind cost;
    int excluding;
} tfx_claim_text;

/* On error, with a message that names the word, too, tfx_claim_text_finish. */
tfx_status tfx_claim_parse(tfx_claim_text *c, const char *text, tfx_error *err);
void tfx_claim_text_finish(tfx_claim_text *c);

#endif
