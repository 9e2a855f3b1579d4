/* Best table: the best point of each group of arms. */
#ifndef TFX_REPORT_BEST_TABLE_H
#define TFX_REPORT_BEST_TABLE_H

#include <stdio.h>

#include "framework/store/references.h"

/* Prints it, with what is to be known about each choice: that it lies at the edge of what was tried, that points failed or are not
 * done. */
tfx_status tfx_report_best(tfx_store *s, tfx_id experiment, tfx_grouping by, int json, FILE *out, tfx_error *err);

#endif
