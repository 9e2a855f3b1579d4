/* Lints: what must hold of the runs on both sides before a comparison can carry a claim (DESIGN: what makes a comparison
 * fair). */
#ifndef TFX_ANALYSIS_LINTS_H
#define TFX_ANALYSIS_LINTS_H

#include "framework/base/text.h"
#include "framework/store/store.h"

typedef enum tfx_lint {
    TFX_LINT_FINISHED = 0,  /* every run is done and has a loss */
    TFX_LINT_DECAYED,       /* with a schedule of its own that came down to a tenth of its peak */
    TFX_LINT_LEARNING_RATE, /* learning rates were searched for, with the same effort for all */
    TFX_LINT_VALIDATION,    /* losses are of the same tokens */
    TFX_LINT_ANCESTORS,     /* costs include those of ancestors, and these are known */
    TFX_LINT_SEEDS,         /* three or more on each side, paired */
    TFX_LINT_SUPERSEDED,    /* no run stands on a checkpoint that no longer counts */
    TFX_LINT_RULES, /* the same precision and rules of counting FLOPs: backend and version of tfx; of seconds, also the
                               same machine with as many threads */
    TFX_N_LINTS
} tfx_lint;

typedef struct tfx_lints {
    tfx_text failed[TFX_N_LINTS]; /* a line for each failure, which names the run; empty: it holds */
    size_t n_failed;              /* lints that do not hold */
} tfx_lints;

extern const char *const tfx_lint_names[TFX_N_LINTS]; /* "decayed" */
extern const char *const tfx_lint_rules[TFX_N_LINTS]; /* what must hold, for people */

/* Of the runs of an experiment that either selector names, whose costs are compared in seconds or not. TFX_LINT_ANCESTORS and TFX_LINT_SEEDS are also up to who
 * compares: tfx_lint_fail. */
tfx_status tfx_lints_check(tfx_lints *l, tfx_store *s, tfx_id experiment, const char *a, const char *b, int seconds,
                           tfx_error *err);
/* One more line of a lint that does not hold. */
void tfx_lint_fail(tfx_lints *l, tfx_lint which, const char *fmt, ...) TFX_PRINTF(3, 4);
void tfx_lints_finish(tfx_lints *l);

#endif
