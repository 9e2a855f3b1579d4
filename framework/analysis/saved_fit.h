/* Saved fits: a law in the database, with all that a forecast by it takes. */
#ifndef TFX_ANALYSIS_SAVED_FIT_H
#define TFX_ANALYSIS_SAVED_FIT_H

#include "framework/analysis/fit.h"
#include "framework/store/store.h"

typedef struct tfx_saved_fit {
    tfx_id id;
    char *name, *source; /* whose points it was fitted to: experiments and their arms, or a file */
    tfx_fit fit;         /* law, theta, replicates and ranges; what is about single observations is not there */
} tfx_saved_fit;

/* The new row's id; 0 with a message. `experiment` 0: the points are of several, or of a file; `source` says which. */
tfx_id tfx_saved_fit_add(tfx_store *s, const char *name, const tfx_fit *f, tfx_id experiment, const char *source,
                         tfx_error *err);
/* An unknown name is an error with the nearest one. */
tfx_status tfx_saved_fit_load(tfx_saved_fit *out, tfx_store *s, const char *name, tfx_error *err);
void tfx_saved_fit_finish(tfx_saved_fit *f);

#endif
