/* Statements: the few lines of SQLite that every store function needs, and the rule that
 * what one function writes appears as a whole or not at all. Internal to framework/store. */
#ifndef TFX_STORE_STATEMENT_H
#define TFX_STORE_STATEMENT_H

#include <sqlite3.h>

#include "framework/store/rows.h"
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
 * is NULL). NULL with a message on error; the caller finalizes. */
sqlite3_stmt *tfx_sql(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...);
/* Prepares, binds, runs to the end. Does nothing when err already holds an error, so that
 * several can follow each other and be checked once. */
tfx_status tfx_sql_do(tfx_store *s, tfx_error *err, const char *sql, const char *types, ...);
/* The first column of the first row as an integer; `none` when there is no row or it is NULL. */
int64_t tfx_sql_int(tfx_store *s, tfx_error *err, int64_t none, const char *sql, const char *types, ...);

/* The statement's rows; they own it from now on. Of the user's own, mistakes are theirs. NULL stays NULL. */
tfx_rows *tfx_rows_of(tfx_store *s, sqlite3_stmt *stmt);
tfx_rows *tfx_rows_of_user(tfx_store *s, sqlite3_stmt *stmt);

/* The names of tfx_run_status, as the table has them. */
#define TFX_RUN_STATUSES 5
extern const char *const tfx_run_status_names[TFX_RUN_STATUSES];

/* Every public write is bracketed by these: a transaction of its own, or a savepoint when
 * the caller has grouped several. `e` starts out empty; leave undoes everything when it
 * holds an error, and hands that error over to `err`. */
tfx_status tfx_write_enter(tfx_store *s, const char *doing, tfx_error *e);
tfx_status tfx_write_leave(tfx_store *s, tfx_error *e, tfx_error *err);

/* framework/store/migrate.c */
#define TFX_STORE_APPLICATION_ID 0x74667831                 /* "tfx1" */
extern const char tfx_store_schema[], tfx_store_schema_2[]; /* schema.sql, schema_2.sql */
/* Whether the file is ours and of a version we know; *version is 0 for a new, empty file. */
tfx_status tfx_store_identify(tfx_store *s, int64_t *version, tfx_error *err);
tfx_status tfx_store_migrate(tfx_store *s, tfx_error *err);
int64_t tfx_store_version(void);

#endif
