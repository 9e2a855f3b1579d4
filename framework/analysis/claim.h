/* Claim: whether runs bear out a sentence about them.
 *
 * Refused: a lint does not hold, so that the comparison would not be a fair one. Otherwise each arm of A is judged by the 95%
 * interval of its mean over paired seeds: supported when all of the interval lies on the claimed side of the number, refuted
 * when none of it does, undecided in between. Where B does not come to A's loss at all, what its points tell is a bound for each
 * seed, and the claim follows from that or stays undecided. The claim holds when it does for every arm of A. */
#ifndef TFX_ANALYSIS_CLAIM_H
#define TFX_ANALYSIS_CLAIM_H

#include "framework/analysis/claim_text.h"
#include "framework/analysis/compare.h"
#include "framework/analysis/lints.h"

typedef enum tfx_verdict {
    TFX_VERDICT_SUPPORTED = 0,
    TFX_VERDICT_UNDECIDED,
    TFX_VERDICT_REFUTED,
    TFX_VERDICT_REFUSED
} tfx_verdict;

extern const char *const tfx_verdict_names[]; /* "supported", ... */

typedef struct tfx_claim {
    tfx_claim_text text;
    tfx_endpoints ends; /* of the whole experiment */
    tfx_lints lints;
    tfx_comparison comparison; /* empty where endpoints are missing: a lint says which */
    tfx_text reasons;          /* a line for each arm of A */
    tfx_verdict verdict;
} tfx_claim;

/* Decides the sentence `text` about an experiment. On error, too, tfx_claim_finish. */
tfx_status tfx_claim_decide(tfx_claim *c, tfx_store *s, tfx_id experiment, const char *text, tfx_error *err);
void tfx_claim_finish(tfx_claim *c);

#endif
