/* Exports: the metrics of an experiment for other programs. Rows that a resume made obsolete are in none of them. */
#ifndef TFX_REPORT_EXPORT_H
#define TFX_REPORT_EXPORT_H

#include "framework/report/table.h"
#include "framework/store/store.h"

/* Every metric row that counts, as CSV or JSON lines: arm, seed, run, stage, name, step, tokens, flops, seconds, value. */
tfx_status tfx_report_export(tfx_store *s, tfx_id experiment, tfx_format format, FILE *out, tfx_error *err);

/* One event file for each run that was started, in `dir`/ARM/seed-N, made as needed. Returns how many. */
size_t tfx_report_export_tensorboard(tfx_store *s, tfx_id experiment, const char *dir, tfx_error *err);

/* A name as one of a folder: bytes that cannot be in one, or mean something, as "%2f"; different names stay different.
 * Heap. */
char *tfx_folder_name(const char *name);

#endif
