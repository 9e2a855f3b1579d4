/* Claims: what was decided about experiments, and what the database knows of runs that a claim stands on. */
#ifndef TFX_STORE_CLAIMS_H
#define TFX_STORE_CLAIMS_H

#include "framework/store/rows.h"
#include "framework/store/store.h"

/* `evidence` is JSON. The new row's id; 0 with a message. */
tfx_id tfx_store_add_claim(tfx_store *s, tfx_id experiment, const char *text, const char *verdict, const char *evidence,
                           tfx_error *err);
/* Of an experiment, or of all (0), newest first: claim, experiment, text, verdict, created, evidence. */
tfx_rows *tfx_query_claims(tfx_store *s, tfx_id experiment, tfx_error *err);

/* One row for each run of an experiment, by arm and seed. Of its end, where it is done: loss, decayed, learning rates,
 * eval_hash. effort: how many runs its learning rate was the best of; NULL: it was not searched for with its model. stale: 1, it stands
 * on a checkpoint that was superseded. costless: 1, what it or an ancestor started from has no known cost. better: the arm that was best
 * of the same search of learning rates, by the mean loss over seeds; NULL: it is this one, or there was none here. */
tfx_rows *tfx_query_claim_facts(tfx_store *s, tfx_id experiment, tfx_error *err);
enum {
    TFX_FACT_RUN,
    TFX_FACT_ARM,
    TFX_FACT_SEED,
    TFX_FACT_STATUS,
    TFX_FACT_LOSS,
    TFX_FACT_DECAYED,
    TFX_FACT_PEAK_LR,
    TFX_FACT_LAST_LR,
    TFX_FACT_EVAL_HASH,
    TFX_FACT_BACKEND, /* without its number of threads */
    TFX_FACT_VERSION, /* of tfx */
    TFX_FACT_EFFORT,
    TFX_FACT_STALE,
    TFX_FACT_COSTLESS,
    TFX_FACT_BETTER,
    TFX_FACT_MACHINE,   /* with the backend's number of threads */
    TFX_FACT_MODEL,     /* that it starts with */
    TFX_FACT_ELSEWHERE, /* the machine of an ancestor that ran on another one; NULL: none did */
    TFX_FACT_COMPUTE    /* the dtype that it computes in */
};

#endif
