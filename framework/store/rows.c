#include "framework/store/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/store/statement.h"

struct tfx_rows {
    tfx_store *store;
    sqlite3_stmt *stmt;
    int is_users;
};

tfx_rows *tfx_rows_of(tfx_store *s, sqlite3_stmt *stmt, int is_users)
{
    if (!stmt)
        return NULL;
    tfx_rows *r = TFX_NEW(tfx_rows);
    *r = (tfx_rows){.store = s, .stmt = stmt, .is_users = is_users};
    return r;
}

tfx_rows *tfx_sql_rows(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *stmt = tfx_sql_prepare(s, err, sql, types, ap);
    va_end(ap);
    return tfx_rows_of(s, stmt, 0);
}

tfx_status tfx_sql_ids(tfx_store *s, const char *sql, tfx_id of, tfx_id **ids, size_t *n, tfx_error *err)
{
    size_t cap = 0;
    *ids = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(s, err, sql, "k", of);
    while (tfx_rows_next(q, err))
        *TFX_APPEND(*ids, *n, cap) = tfx_rows_int(q, 0, 1, err);
    tfx_rows_close(q);
    if (err->status != TFX_OK) {
        free(*ids);
        *ids = NULL;
        *n = 0;
    }
    return err->status;
}

int tfx_rows_next(tfx_rows *r, tfx_error *err)
{
    if (!r || err->status != TFX_OK)
        return 0;
    int rc = sqlite3_step(r->stmt);
    /* What the statement itself did wrong, such as a malformed JSON path. */
    if (rc == SQLITE_ERROR && r->is_users)
        tfx_fail(err, TFX_E_INVALID, "sql: %s", sqlite3_errmsg(r->store->db));
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        tfx_sql_fail(r->store, err);
    return rc == SQLITE_ROW;
}

void tfx_rows_rewind(tfx_rows *r)
{
    sqlite3_reset(r->stmt);
}

void tfx_rows_close(tfx_rows *r)
{
    if (r)
        sqlite3_finalize(r->stmt);
    free(r);
}

int tfx_rows_n_columns(const tfx_rows *r)
{
    return sqlite3_column_count(r->stmt);
}

const char *tfx_rows_name(const tfx_rows *r, int column)
{
    return sqlite3_column_name(r->stmt, column);
}

/* ---- values as they must be ---- */

static void fail_value(tfx_rows *r, int column, const char *expected, tfx_error *err)
{
    static const char *const types[] = {"NULL", "", "", "", "a blob"};
    tfx_value_type type = tfx_rows_type(r, column);
    int shown = type != TFX_VALUE_NULL && type != TFX_VALUE_BLOB;
    tfx_fail(err, TFX_E_DATA, "database %s is damaged: %s: expected %s, found %s%.60s%s", tfx_store_path(r->store),
             tfx_rows_name(r, column), expected, shown ? "'" : types[type], shown ? tfx_rows_as_text(r, column) : "",
             shown ? "'" : "");
}

const char *tfx_rows_text(tfx_rows *r, int column, tfx_error *err)
{
    if (tfx_rows_type(r, column) == TFX_VALUE_TEXT) { /* asking for a blob as text would make it one */
        const char *text = tfx_rows_as_text(r, column);
        if (strlen(text) == (size_t)sqlite3_column_bytes(r->stmt, column)) /* a zero byte hides what follows it */
            return text;
    }
    fail_value(r, column, "text", err);
    return "";
}

size_t tfx_rows_choice(tfx_rows *r, int column, const char *const *names, size_t n, tfx_error *err)
{
    tfx_text expected = {0};
    const char *found = tfx_rows_type(r, column) == TFX_VALUE_TEXT ? tfx_rows_as_text(r, column) : "";
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], found))
            return i;
    for (size_t i = 0; i < n; i++)
        tfx_text_add(&expected, "%s%s", i ? ", " : "one of: ", names[i]);
    fail_value(r, column, expected.s, err);
    tfx_text_free(&expected);
    return 0;
}

const char *tfx_rows_path(tfx_rows *r, int column, tfx_error *err)
{
    const char *path = tfx_rows_text(r, column, err);
    int inside = *path && *path != '/';
    for (const char *part = path; inside && part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        inside = strcspn(part, "/") != 2 || strncmp(part, "..", 2);
    if (inside || err->status != TFX_OK)
        return path;
    fail_value(r, column, "a path below the database's folder", err);
    return "";
}

int64_t tfx_rows_int(tfx_rows *r, int column, int64_t least, tfx_error *err)
{
    char expected[64];
    if (tfx_rows_type(r, column) == TFX_VALUE_INTEGER && sqlite3_column_int64(r->stmt, column) >= least)
        return sqlite3_column_int64(r->stmt, column);
    sqlite3_snprintf(sizeof(expected), expected, "an integer, at least %lld", (long long)least);
    fail_value(r, column, expected, err);
    return least;
}

double tfx_rows_real(tfx_rows *r, int column, tfx_error *err)
{
    tfx_value_type type = tfx_rows_type(r, column);
    if (type == TFX_VALUE_NULL)
        return (double)NAN;
    if (type == TFX_VALUE_REAL || type == TFX_VALUE_INTEGER)
        return sqlite3_column_double(r->stmt, column);
    fail_value(r, column, "a number", err);
    return (double)NAN;
}

int tfx_rows_is_null(const tfx_rows *r, int column)
{
    return tfx_rows_type(r, column) == TFX_VALUE_NULL;
}

char *tfx_rows_copy(tfx_rows *r, int column, tfx_error *err)
{
    return tfx_rows_is_null(r, column) ? NULL : tfx_strdup(tfx_rows_text(r, column, err));
}

int64_t tfx_rows_id(tfx_rows *r, int column, tfx_error *err)
{
    return tfx_rows_is_null(r, column) ? 0 : tfx_rows_int(r, column, 1, err);
}

/* ---- values as they are ---- */

tfx_value_type tfx_rows_type(const tfx_rows *r, int column)
{
    switch (sqlite3_column_type(r->stmt, column)) {
    case SQLITE_INTEGER: return TFX_VALUE_INTEGER;
    case SQLITE_FLOAT: return TFX_VALUE_REAL;
    case SQLITE_TEXT: return TFX_VALUE_TEXT;
    case SQLITE_BLOB: return TFX_VALUE_BLOB;
    default: return TFX_VALUE_NULL;
    }
}

const char *tfx_rows_as_text(const tfx_rows *r, int column)
{
    const char *text = (const char *)sqlite3_column_text(r->stmt, column);
    return text ? text : "";
}

double tfx_rows_as_real(const tfx_rows *r, int column)
{
    return sqlite3_column_double(r->stmt, column);
}

const unsigned char *tfx_rows_blob(const tfx_rows *r, int column, size_t *n)
{
    const unsigned char *bytes = sqlite3_column_blob(r->stmt, column);
    *n = (size_t)sqlite3_column_bytes(r->stmt, column);
    return bytes;
}
