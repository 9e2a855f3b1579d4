/* Queries of fits: the points that laws are fitted to. As in queries.h. */
#ifndef TFX_STORE_QUERIES_FITS_H
#define TFX_STORE_QUERIES_FITS_H

#include "framework/store/rows.h"
#include "framework/store/store.h"

/* The end of each run of an experiment that is done and was evaluated there. */
tfx_rows *tfx_query_ends(tfx_store *s, tfx_id experiment, tfx_error *err);
/* Columns of its rows. */
enum {
    TFX_END_RUN,
    TFX_END_ARM,
    TFX_END_DECAYED, /* NULL: not known */
    TFX_END_PARAMETERS,
    TFX_END_TOKENS_INCL,
    TFX_END_TOKENS_EXCL, /* since the last growth, where the run grew */
    TFX_END_FLOPS_INCL,
    TFX_END_VAL_LOSS,
    TFX_END_GREW,        /* the run itself */
    TFX_END_GREW_BEFORE, /* a run that it descends from */
    TFX_END_BETTER       /* the best arm of the same search of learning rates; NULL: none other */
};

/* Every saved fit, newest last: id, name, form, points, objective, source, created; or everything but what forecasts
 * are made from. */
tfx_rows *tfx_query_fits(tfx_store *s, int everything, tfx_error *err);
/* The fit of that name, if there is one. */
tfx_rows *tfx_query_fit(tfx_store *s, const char *name, tfx_error *err);
/* Columns of its row. */
enum {
    TFX_SAVED_ID,
    TFX_SAVED_FORM,
    TFX_SAVED_POINTS,
    TFX_SAVED_RANGES,
    TFX_SAVED_REPLICATES,
    TFX_SAVED_FLOPS_FIXED,
    TFX_SAVED_FLOPS_PER_PARAMETER,
    TFX_SAVED_SOURCE
};

/* Forecasts of the runs of an experiment: run, arm, seed, fit, forecast, low, high, val_loss, inside. */
tfx_rows *tfx_query_forecasts(tfx_store *s, tfx_id experiment, tfx_error *err);

#endif
