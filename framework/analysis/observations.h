/* Observations: the points that a law is fitted to, one per trained model, from a CSV file or from a database. */
#ifndef TFX_ANALYSIS_OBSERVATIONS_H
#define TFX_ANALYSIS_OBSERVATIONS_H

#include <stdint.h>

#include "framework/analysis/law.h"
#include "framework/base/text.h"
#include "framework/store/store.h"

typedef struct tfx_observation {
    double x[TFX_LAW_VARIABLES]; /* of the law that they are for, all positive */
    double loss;
    double flops; /* that training took; 0: not known */
    int line;     /* of the CSV file; 0: from a database, then: */
    tfx_id run;
} tfx_observation;

typedef struct tfx_observations {
    const tfx_law *law;
    tfx_observation *items;
    size_t n, cap;
    tfx_text notes; /* a line for each thing that whoever reads the fit should know; may be empty */
} tfx_observations;

/* Columns: those of the law's variables and `loss`; `flops` is used where it is there. An error has FILE:LINE. */
tfx_status tfx_observations_read_csv(tfx_observations *o, const tfx_law *law, const char *path, tfx_error *err);
/* Of experiments in a database: the ends of runs that are done, where the learning rate had decayed; of arms that one of
 * the patterns (as the shell has them) matches, or of all without any. N is the number of stored elements, D and C
 * include ancestors. Runs that grew are points of `grown` and `power` alone; notes count what is left out. */
tfx_status tfx_observations_read_runs(tfx_observations *o, const tfx_law *law, tfx_store *s, const tfx_id *experiments,
                                      size_t n, const char *const *arms, size_t n_arms, tfx_error *err);
/* Whether there are enough of them, and different enough, to tell the coefficients of the law apart; `from` is what a
 * message calls their source. Notes rows that are there twice. */
tfx_status tfx_observations_check(tfx_observations *o, const char *from, tfx_error *err);
void tfx_observations_finish(tfx_observations *o);

#endif
