/* CSV: tables that people and programs hand over, read record by record.
 *
 * RFC 4180, and what is found in the wild: a byte order mark, CRLF or LF, blank lines (skipped), white space
 * around fields that are not quoted. Quoted fields may hold commas, doubled quotes and line ends. */
#ifndef TFX_BASE_CSV_H
#define TFX_BASE_CSV_H

#include <stddef.h>

#include "framework/base/error.h"

typedef struct tfx_csv tfx_csv;

/* The whole file at `path` is read. NULL with a message when that fails or it is no text. */
tfx_csv *tfx_csv_open(const char *path, tfx_error *err);
/* Whether there is a next record. After the last, and on an error (FILE:LINE: what), which is recorded, 0. */
int tfx_csv_next(tfx_csv *csv, tfx_error *err);
/* Of the current record: its fields, which live until the next one, and the line of the file that it begins at. */
size_t tfx_csv_n_fields(const tfx_csv *csv);
const char *tfx_csv_field(const tfx_csv *csv, size_t i);
int tfx_csv_line(const tfx_csv *csv);
void tfx_csv_close(tfx_csv *csv); /* accepts NULL */

#endif
