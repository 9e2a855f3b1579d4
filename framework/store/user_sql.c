/* User SQL: one statement of the user's, which can only read.
 *
 * The connection is open read-only and query_only already. The authorizer is there for
 * what SQLite does not count as a write, such as ATTACH and most PRAGMAs. */

#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/store/queries.h"
#include "framework/store/statement.h"

static int pragma_reads(const char *name, const char *value)
{
    static const char *const with_value[] = {"table_info",  "table_xinfo",      "table_list",       "index_list",
                                             "index_info",  "index_xinfo",      "foreign_key_list", "integrity_check",
                                             "quick_check", "foreign_key_check"};
    static const char *const without[] = {"user_version",    "application_id", "journal_mode",
                                          "page_count",      "page_size",      "freelist_count",
                                          "compile_options", "function_list",  "encoding"};
    for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
        if (!sqlite3_stricmp(name, with_value[i]))
            return 1;
    for (size_t i = 0; !value && i < sizeof(without) / sizeof(without[0]); i++)
        if (!sqlite3_stricmp(name, without[i]))
            return 1;
    return 0;
}

static int authorize(void *refused, int action, const char *a, const char *b, const char *database, const char *trigger)
{
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_PRAGMA:
        if (pragma_reads(a, b))
            return SQLITE_OK;
        break;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: break;
    default: return SQLITE_OK; /* sqlite3_stmt_readonly tells */
    }
    *(int *)refused = 1;
    return SQLITE_DENY;
}

/* Every table, view and column name, of which `wrong` should have been one. */
static void suggest_name(sqlite3 *db, const char *wrong, tfx_error *err)
{
    sqlite3_stmt *q = NULL;
    const char *dot = strrchr(wrong, '.'); /* run.staus */
    tfx_suggest known = {.name = dot ? dot + 1 : wrong};
    sqlite3_prepare_v2(db,
                       "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') UNION "
                       "SELECT c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
                       "WHERE t.type IN ('table', 'view')",
                       -1, &q, NULL);
    while (sqlite3_step(q) == SQLITE_ROW)
        tfx_suggest_add(&known, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    tfx_suggest_end(&known, NULL, err);
}

/* "message\n  the line of the statement\n      ^" */
static tfx_status fail_sql(sqlite3 *db, const char *sql, tfx_error *err)
{
    char *message = tfx_strdup(sqlite3_errmsg(db));
    int offset = sqlite3_error_offset(db);
    tfx_fail(err, TFX_E_INVALID, "sql: %s", message);
    if (strncmp(message, "no such table: ", 15) == 0)
        suggest_name(db, message + 15, err);
    else if (strncmp(message, "no such column: ", 16) == 0)
        suggest_name(db, message + 16, err);
    if (offset >= 0 && (size_t)offset <= strlen(sql)) {
        const char *start = sql + offset, *end = sql + offset;
        while (start > sql && start[-1] != '\n')
            start--;
        end += strcspn(end, "\n");
        if (end - start < 400)
            tfx_error_append(err, "\n  %.*s\n  %*s^", (int)(end - start), start, (int)(sql + offset - start), "");
    }
    free(message);
    return err->status;
}

tfx_rows *tfx_query_user(tfx_store *s, const char *sql, tfx_error *err)
{
    sqlite3 *db = s->db;
    sqlite3_stmt *stmt = NULL, *second = NULL;
    const char *tail = sql;
    int refused = 0, rc;
    sqlite3_set_authorizer(db, authorize, &refused);
    do /* comments and lone semicolons give no statement */
        rc = sqlite3_prepare_v2(db, tail, -1, &stmt, &tail);
    while (rc == SQLITE_OK && !stmt && *tail);
    int rc_second = SQLITE_OK;
    while (rc == SQLITE_OK && rc_second == SQLITE_OK && !second && *tail)
        rc_second = sqlite3_prepare_v2(db, tail, -1, &second, &tail);
    sqlite3_set_authorizer(db, NULL, NULL);

    if (refused || (stmt && !sqlite3_stmt_readonly(stmt)))
        tfx_fail(err, TFX_E_INVALID,
                 "sql: only a statement that reads is allowed (SELECT, EXPLAIN, and PRAGMAs that "
                 "show something); the database is open for reading only");
    else if (rc != SQLITE_OK)
        fail_sql(db, sql, err);
    else if (!stmt)
        tfx_fail(err, TFX_E_INVALID, "sql: expected a statement such as \"SELECT * FROM run_summary\", found nothing");
    else if (second || rc_second != SQLITE_OK)
        tfx_fail(err, TFX_E_INVALID, "sql: expected one statement, found something after it");
    else if (sqlite3_bind_parameter_count(stmt) > 0)
        tfx_fail(err, TFX_E_INVALID, "sql: parameters (%s) have no value here: write the value itself",
                 sqlite3_bind_parameter_name(stmt, 1) ? sqlite3_bind_parameter_name(stmt, 1) : "?");
    sqlite3_finalize(second);
    if (err->status == TFX_OK)
        return tfx_rows_of(s, stmt, 1);
    sqlite3_finalize(stmt);
    return NULL;
}
