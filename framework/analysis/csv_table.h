/* CSV table: a file with a header, whose columns are known by name and may be in any order. */
#ifndef TFX_ANALYSIS_CSV_TABLE_H
#define TFX_ANALYSIS_CSV_TABLE_H

#include "framework/base/csv.h"
#include "framework/base/text.h"

typedef struct tfx_csv_column {
    const char *name, *alias; /* name NULL: there is no such column; alias NULL: no other name */
    const char *meaning;      /* for messages */
    const char *example;      /* of a value */
    int optional;
    int at; /* its number in the file; -1: not there */
} tfx_csv_column;

typedef struct tfx_csv_table {
    const char *path;
    tfx_csv *csv;
    tfx_csv_column *columns; /* the caller's */
    size_t n_columns, n_fields;
} tfx_csv_table;

/* Opens the file and finds the columns in its header. Notes those of the file that nobody asked for. Every error has
 * FILE:LINE. To be closed in any case. */
tfx_status tfx_csv_table_open(tfx_csv_table *t, const char *path, tfx_csv_column *columns, size_t n, tfx_text *notes,
                              tfx_error *err);
void tfx_csv_table_close(tfx_csv_table *t);

/* Whether there is a next row, which then has as many fields as the header. */
int tfx_csv_table_next(tfx_csv_table *t, tfx_error *err);
/* What the row has in column k; "" where the column is not there. */
const char *tfx_csv_table_text(const tfx_csv_table *t, size_t k);
/* Reads a number above 0, "124M" or "1.24e8", also as published tables have it: "1.4B", "124K". 0: it is none. */
int tfx_csv_positive(const char *text, double *value);
/* The same of column k. *value stays as it is where an optional one is missing. */
tfx_status tfx_csv_table_positive(const tfx_csv_table *t, size_t k, double *value, tfx_error *err);

#endif
