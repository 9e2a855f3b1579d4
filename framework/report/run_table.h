/* Run tables: one line per run, with cost including and excluding ancestors. */
#ifndef TFX_REPORT_RUN_TABLE_H
#define TFX_REPORT_RUN_TABLE_H

#include <stdio.h>

#include "framework/report/table.h"
#include "framework/store/store.h"

/* The table at the end of `tfx run`: every run of an experiment. The text form adds why
 * runs failed and, when an arm has several seeds, what tfx_report_arms prints. */
tfx_status tfx_report_experiment(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err);

/* How rows of TFX_REPORT_OUTCOMES are shown, in a terminal and in a report. */
extern const tfx_column tfx_arms_columns[];

/* What each arm came to: means over its runs that are done, with the standard deviation of their losses. Tokens and time
 * include ancestors. */
tfx_status tfx_report_arms(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err);

/* All runs, newest first; of the experiments named `experiment` only, unless it is NULL, and of those the ones that have
 * each of these tags ("KEY" or "KEY=VALUE"). */
tfx_status tfx_report_runs(tfx_store *s, const char *experiment, const char *const *tags, size_t n_tags, int json,
                           FILE *out, tfx_error *err);

/* The experiment that `name` (an id, or the name of the newest one) stands for; 0 with a
 * message that has the nearest name. */
tfx_id tfx_report_find_experiment(tfx_store *s, const char *name, tfx_error *err);

#endif
