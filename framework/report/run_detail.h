/* Run detail: everything the database knows about one run. */
#ifndef TFX_REPORT_RUN_DETAIL_H
#define TFX_REPORT_RUN_DETAIL_H

#include <stdio.h>

#include "framework/store/store.h"

tfx_status tfx_report_run(tfx_store *s, tfx_id run, int json, FILE *out, tfx_error *err);

/* What measured steps found out about old and new slices: without any, an error, and as JSON an empty array. */
tfx_status tfx_report_run_slices(tfx_store *s, tfx_id run, int json, FILE *out, tfx_error *err);

/* The resolved spec that the run was started from, as text that can be run again. */
tfx_status tfx_report_run_spec(tfx_store *s, tfx_id run, FILE *out, tfx_error *err);

/* The log of the run: log.txt in its folder. */
tfx_status tfx_report_run_log(tfx_store *s, tfx_id run, FILE *out, tfx_error *err);

#endif
