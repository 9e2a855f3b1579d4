/* Preparing the reports' own queries. Internal to framework/report. */
#ifndef TFX_REPORT_SQL_H
#define TFX_REPORT_SQL_H

#include <sqlite3.h>

#include "framework/store/store.h"

/* Prepares one of our own queries; a failure is a bug or a damaged file. */
static inline sqlite3_stmt *report_prepare(tfx_store *s, const char *sql, tfx_error *err)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = tfx_store_connection(s);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        tfx_fail(err, TFX_E_IO, "database %s: %s", tfx_store_path(s), sqlite3_errmsg(db));
    return stmt;
}

/* The same with an id as its first parameter. */
static inline sqlite3_stmt *report_prepare_id(tfx_store *s, const char *sql, tfx_id id, tfx_error *err)
{
    sqlite3_stmt *stmt = report_prepare(s, sql, err);
    if (stmt)
        sqlite3_bind_int64(stmt, 1, id);
    return stmt;
}

#endif
