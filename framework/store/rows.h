/* Rows: what a query of the store gives, one row after the other.
 *
 * Anybody can write to the file, so whoever uses a value asks for it as what it must be; what it is instead ends in a
 * message that names database, column and value. Tables, which print whatever there is, ask for its type. */
#ifndef TFX_STORE_ROWS_H
#define TFX_STORE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "framework/base/error.h"

typedef struct tfx_rows tfx_rows;

/* Whether there is a next row. Without rows (NULL), after the last, and on an error, which is recorded, 0. */
int tfx_rows_next(tfx_rows *r, tfx_error *err);
/* Back before the first row. */
void tfx_rows_rewind(tfx_rows *r);
void tfx_rows_close(tfx_rows *r); /* accepts NULL */

int tfx_rows_n_columns(const tfx_rows *r);
const char *tfx_rows_name(const tfx_rows *r, int column);

/* ---- values as they must be; strings live until the next row ---- */

/* Never NULL: after a failure "". */
const char *tfx_rows_text(tfx_rows *r, int column, tfx_error *err);
/* One of `names`; its index. */
size_t tfx_rows_choice(tfx_rows *r, int column, const char *const *names, size_t n, tfx_error *err);
/* A folder's path that stays below the one that it starts from. */
const char *tfx_rows_path(tfx_rows *r, int column, tfx_error *err);
int64_t tfx_rows_int(tfx_rows *r, int column, int64_t least, tfx_error *err);
/* A number; NULL is NaN, as it is written. */
double tfx_rows_real(tfx_rows *r, int column, tfx_error *err);
int tfx_rows_is_null(const tfx_rows *r, int column);
/* Text on the heap; NULL is NULL. */
char *tfx_rows_copy(tfx_rows *r, int column, tfx_error *err);
/* A row's id or another number from 1; NULL is 0. */
int64_t tfx_rows_id(tfx_rows *r, int column, tfx_error *err);

/* ---- values as they are ---- */

typedef enum tfx_value_type {
    TFX_VALUE_NULL = 0,
    TFX_VALUE_INTEGER,
    TFX_VALUE_REAL,
    TFX_VALUE_TEXT,
    TFX_VALUE_BLOB
} tfx_value_type;

tfx_value_type tfx_rows_type(const tfx_rows *r, int column);
/* Any value as SQLite writes it, "" for NULL. */
const char *tfx_rows_as_text(const tfx_rows *r, int column);
double tfx_rows_as_real(const tfx_rows *r, int column);
const unsigned char *tfx_rows_blob(const tfx_rows *r, int column, size_t *n);

#endif
