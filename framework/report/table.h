/* Tables: the rows of a query as aligned text, JSON or CSV. */
#ifndef TFX_REPORT_TABLE_H
#define TFX_REPORT_TABLE_H

#include <stdio.h>

#include "framework/store/rows.h"

struct cJSON;

typedef enum tfx_format { TFX_FORMAT_TEXT = 0, TFX_FORMAT_JSON, TFX_FORMAT_CSV, TFX_FORMAT_JSONL } tfx_format;

/* How the text form shows a number; JSON and CSV always hold it exactly. */
typedef enum tfx_cell {
    TFX_CELL_PLAIN = 0, /* as SQLite prints it */
    TFX_CELL_ARM,       /* the same, the name of an arm: a report gives it its colour */
    /* for numbers: */
    TFX_CELL_COUNT,   /* 123.6M */
    TFX_CELL_FLOPS,   /* 1.24e15 */
    TFX_CELL_LOSS,    /* 2.3457 */
    TFX_CELL_SMALL,   /* 1.2e-06 */
    TFX_CELL_FOUR,    /* 0.3478, 2085, 4.82e+10: four digits */
    TFX_CELL_TENTHS,  /* 187.3 */
    TFX_CELL_SECONDS, /* 3m07s */
    TFX_CELL_BYTES    /* 1.5 GB */
} tfx_cell;

typedef struct tfx_column {
    const char *title; /* of text and HTML, which leave a column without one out; JSON and CSV use the query's name */
    tfx_cell cell;
} tfx_column;

/* Prints every row to the last; none when the query failed (NULL). `columns` has one element per column, or is NULL:
 * their own names, plain. */
tfx_status tfx_table_print(tfx_rows *q, const tfx_column *columns, tfx_format format, FILE *out, tfx_error *err);

/* The same rows as a JSON array of objects, for a larger document. The caller deletes it. */
struct cJSON *tfx_table_json(tfx_rows *q, tfx_error *err);

/* A number as the text form of `cell` shows it; buf has at least 32 bytes. */
char *tfx_cell_format(char *buf, tfx_cell cell, double x);
/* One cell as a single line of text; a heap string. */
char *tfx_cell_text(tfx_rows *q, int column, tfx_cell cell);

#endif
