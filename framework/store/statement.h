/* Statements: the few lines of SQLite that every store function needs, and the rule that
 * what one function writes appears as a whole or not at all. Internal to framework/store. */
#ifndef TFX_STORE_STATEMENT_H
#define TFX_STORE_STATEMENT_H

#include <sqlite3.h>
#include <stdarg.h>

#include "framework/store/store.h"

struct tfx_store {
    sqlite3 *db;
    char *path;
    tfx_store_mode mode;
    int leaves_files;  /* a reader that makes -wal and -shm, which it cannot remove itself */
    int in_group;      /* between tfx_store_begin and its commit or rollback */
    int writing;       /* between tfx_write_enter and tfx_write_leave */
    const char *doing; /* what a message says was being done */
};

/* Puts SQLite's last error into err: file, what was being done, and why it failed. */
tfx_status tfx_sql_fail(tfx_store *s, tfx_error *err);

/* Prepares `sql` and binds one argument per letter of `types`: i int64_t, k tfx_id (0 is
 * NULL), t const char * (NULL is NULL; must outlive the statement), r double (not finite
 * is NULL). NULL with a message on error. */
sqlite3_stmt *tfx_sql_prepare(tfx_store *s, tfx_error *err, const char *sql, const char *types, va_list ap);

/* The same for rows, which rows.c reads. */
typedef struct tfx_rows tfx_rows;
tfx_rows *tfx_sql_rows(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...);
/* The ids in the first column of the rows that are of `of` (0 is NULL): fills *ids (malloced); on error nothing. */
tfx_status tfx_sql_ids(tfx_store *s, const char *sql, tfx_id of, tfx_id **ids, size_t *n, tfx_error *err);
/* The statement's rows; they own it from now on. Mistakes in the user's own are theirs. NULL stays NULL. */
tfx_rows *tfx_rows_of(tfx_store *s, sqlite3_stmt *stmt, int is_users);

/* These execute a statement at once. They do nothing when err already holds an error, so that
 * several can follow each other and be checked once. */
tfx_status tfx_sql_do(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...); /* one without rows */
/* The new row's id; 0 on error. */
tfx_id tfx_sql_insert(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...);
/* The first column of the first row as an integer; 0 when there is no row or it is NULL. */
int64_t tfx_sql_int(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...);

/* "database ... has no run 7". */
tfx_status tfx_sql_fail_missing(tfx_store *s, const char *what, tfx_id id, tfx_error *err);
/* After an UPDATE of one row, by id: fails if there is no such row. */
void tfx_sql_check_found(tfx_store *s, const char *what, tfx_id id, tfx_error *err);

/* The moment of writing, in SQL. */
#define TFX_SQL_NOW "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

/* For WITH: the points of sweeps over learning rates, of experiment ?1, all of whose runs are done: name, base, what else is swept,
 * mean loss of their ends. And the best point of the same search where that is not arm `a` itself, else NULL; NULL as well while
 * runs of `a` are not over. */
#define TFX_SQL_SEARCHED \
    "searched AS MATERIALIZED (SELECT b.name, b.base, json_remove(b.point, '$.\"train.lr\"') AS others, " \
    "avg(q.val_loss) AS loss FROM endpoint q JOIN run t ON t.id = q.run JOIN arm b ON b.id = t.arm " \
    "WHERE q.experiment_id = ?1 AND q.final = 1 AND json_type(b.point, '$.\"train.lr\"') IS NOT NULL AND " \
    "NOT EXISTS (SELECT 1 FROM run x WHERE x.arm = b.id AND x.status <> 'done') GROUP BY b.id) "
#define TFX_SQL_BETTER \
    "(SELECT b.name FROM searched b WHERE b.base = a.base AND b.others = json_remove(a.point, '$.\"train.lr\"') AND " \
    "b.loss < coalesce((SELECT c.loss FROM searched c WHERE c.name = a.name), " \
    "CASE WHEN NOT EXISTS (SELECT 1 FROM run x WHERE x.arm = a.id AND x.status NOT IN ('done', 'failed')) THEN 9e999 " \
    "END) " \
    "ORDER BY b.loss LIMIT 1)"

/* The id of a new row: above those of all rows that there have been, removed ones included (table `removed`). */
#define TFX_SQL_NEW_ID(table, last) \
    "(SELECT 1 + max(coalesce((SELECT max(id) FROM " table "), 0), coalesce((SELECT max(" last ") FROM removed), 0)))"

/* The names of tfx_run_status, as the table has them. */
#define TFX_RUN_STATUSES 5
extern const char *const tfx_run_status_names[TFX_RUN_STATUSES];

/* Every public write is bracketed by these: a transaction of its own, or a savepoint when
 * the caller has grouped several. `e` starts out empty; leave undoes everything when it
 * holds an error, and hands that error over to `err`. */
tfx_status tfx_write_enter(tfx_store *s, const char *doing, tfx_error *e);
tfx_status tfx_write_leave(tfx_store *s, tfx_error *e, tfx_error *err);

/* framework/store/migrate.c */
#define TFX_STORE_APPLICATION_ID 0x74667831 /* "tfx1" */
/* schema.sql, schema_2.sql, ... */
extern const char tfx_store_schema[], tfx_store_schema_2[], tfx_store_schema_3[], tfx_store_schema_4[],
    tfx_store_schema_5[], tfx_store_schema_6[];
/* Whether the file is ours and of a version we know; *version is 0 for a new, empty file. */
tfx_status tfx_store_identify(tfx_store *s, int64_t *version, tfx_error *err);
tfx_status tfx_store_migrate(tfx_store *s, tfx_error *err);
int64_t tfx_store_version(void);

#endif
