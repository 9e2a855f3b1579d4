/* Queries: one SELECT of the user's, printed. */
#ifndef TFX_REPORT_QUERY_H
#define TFX_REPORT_QUERY_H

#include "framework/report/table.h"
#include "framework/store/store.h"

/* Runs exactly one statement that can only read, on a store opened for reading. Errors
 * show where in the text they are, and the nearest table or column. */
tfx_status tfx_report_query(tfx_store *s, const char *sql, tfx_format format, FILE *out, tfx_error *err);

#endif
