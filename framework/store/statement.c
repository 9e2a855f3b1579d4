/* Statements: see framework/store/statement.h. */
#include "framework/store/statement.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The system's error behind SQLite's, or 0. Of other codes, SQLite's is what some call before has left; of a file that is
 * there and cannot be opened, it is about a file beside it that could not be made. */
static int system_reason(const tfx_store *s, int code)
{
    int reason = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(s->db) : 0;
    if (code == SQLITE_CANTOPEN && access(s->path, F_OK) == 0) {
        char *folder = tfx_store_folder(s);
        reason = access(folder, W_OK) ? errno : reason;
        free(folder);
    }
    return reason;
}

tfx_status tfx_sql_fail(tfx_store *s, tfx_error *err)
{
    int code = sqlite3_errcode(s->db);
    const char *doing = s->doing ? s->doing : "reading";
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return tfx_fail(err, TFX_E_IO, "database %s: %s: another process has kept it locked for a minute", s->path,
                        doing);
    case SQLITE_FULL:
        return tfx_fail(err, TFX_E_IO, "database %s: %s: the disk is full, or the file may not grow further", s->path,
                        doing);
    case SQLITE_NOTADB: return tfx_fail(err, TFX_E_DATA, "%s is not an SQLite database", s->path);
    case SQLITE_CORRUPT: return tfx_fail(err, TFX_E_DATA, "database %s is damaged: %s", s->path, sqlite3_errmsg(s->db));
    case SQLITE_NOMEM: return tfx_fail(err, TFX_E_MEMORY, "database %s: %s: out of memory", s->path, doing);
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
        return tfx_fail(err, TFX_E_INTERNAL, "database %s: %s: %s", s->path, doing, sqlite3_errmsg(s->db));
    default: {
        int reason = system_reason(s, code);
        return tfx_fail(err, TFX_E_IO, "database %s: %s: %s%s%s", s->path, doing, sqlite3_errmsg(s->db),
                        reason ? ": " : "", reason ? strerror(reason) : "");
    }
    }
}

sqlite3_stmt *tfx_sql_prepare(tfx_store *s, tfx_error *err, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    for (int i = 0; rc == SQLITE_OK && types[i]; i++) {
        switch (types[i]) {
        case 'i': rc = sqlite3_bind_int64(stmt, i + 1, va_arg(ap, int64_t)); break;
        case 'k': {
            tfx_id id = va_arg(ap, tfx_id);
            rc = id ? sqlite3_bind_int64(stmt, i + 1, id) : sqlite3_bind_null(stmt, i + 1);
            break;
        }
        case 't': rc = sqlite3_bind_text(stmt, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC); break;
        default: {
            double x = va_arg(ap, double);
            rc = isfinite(x) ? sqlite3_bind_double(stmt, i + 1, x) : sqlite3_bind_null(stmt, i + 1);
        }
        }
    }
    if (rc != SQLITE_OK) {
        tfx_sql_fail(s, err);
        sqlite3_finalize(stmt);
        return NULL;
    }
    return stmt;
}

/* Executes a statement up to its first row, or to its end when it gives none; what the first column holds. */
static int64_t execute(tfx_store *s, tfx_error *err, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *stmt = err->status == TFX_OK ? tfx_sql_prepare(s, err, sql, types, ap) : NULL;
    if (!stmt)
        return 0;
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        tfx_sql_fail(s, err);
    int64_t value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    return value;
}

tfx_status tfx_sql_do(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    execute(s, err, sql, types, ap);
    va_end(ap);
    return err->status;
}

tfx_id tfx_sql_insert(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    execute(s, err, sql, types, ap);
    va_end(ap);
    return err->status == TFX_OK ? sqlite3_last_insert_rowid(s->db) : 0;
}

int64_t tfx_sql_int(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    int64_t value = execute(s, err, sql, types, ap);
    va_end(ap);
    return value;
}

tfx_status tfx_sql_fail_missing(tfx_store *s, const char *what, tfx_id id, tfx_error *err)
{
    return tfx_fail(err, TFX_E_INVALID, "database %s has no %s %lld", s->path, what, (long long)id);
}

void tfx_sql_check_found(tfx_store *s, const char *what, tfx_id id, tfx_error *err)
{
    if (err->status == TFX_OK && sqlite3_changes(s->db) == 0)
        tfx_sql_fail_missing(s, what, id, err);
}

tfx_status tfx_write_enter(tfx_store *s, const char *doing, tfx_error *e)
{
    assert(!s->writing); /* one function does not call another */
    s->doing = doing;
    if (s->mode != TFX_STORE_WRITE)
        return tfx_fail(e, TFX_E_INTERNAL, "database %s: %s: it was opened for reading only", s->path, doing);
    /* Some errors (a full disk) make SQLite roll the whole transaction back by itself.
     * What follows in the group must not then be recorded alone. */
    if (s->in_group && sqlite3_get_autocommit(s->db))
        return tfx_fail(e, TFX_E_IO, "database %s: %s: an earlier error has undone this transaction", s->path, doing);
    /* IMMEDIATE: take the write lock at once, where the busy timeout applies. A deferred
     * transaction that reads first and writes later can fail with SQLITE_BUSY at once. */
    tfx_sql_do(s, e, s->in_group ? "SAVEPOINT one_write" : "BEGIN IMMEDIATE", "");
    s->writing = e->status == TFX_OK;
    return e->status;
}

tfx_status tfx_write_leave(tfx_store *s, tfx_error *e, tfx_error *err)
{
    if (s->writing) {
        s->writing = 0;
        tfx_sql_do(s, e, s->in_group ? "RELEASE one_write" : "COMMIT", "");
        if (e->status != TFX_OK && !sqlite3_get_autocommit(s->db))
            sqlite3_exec(s->db, s->in_group ? "ROLLBACK TO one_write; RELEASE one_write" : "ROLLBACK", NULL, NULL,
                         NULL);
    }
    s->doing = NULL;
    if (e->status != TFX_OK)
        return tfx_fail(err, e->status, "%s", e->text);
    return TFX_OK;
}
