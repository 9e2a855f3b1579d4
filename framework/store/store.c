/* Store: opening the database file so that several processes can write to it and a power
 * cut loses nothing, and grouping writes into transactions. */
#include "framework/store/store.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/store/statement.h"

/* Longer than any transaction of ours, even on a slow disk under load. */
#define BUSY_TIMEOUT_MS 60000

static tfx_status check_path(const char *path, tfx_store_mode mode, tfx_error *err)
{
    struct stat st;
    int there = stat(path, &st) == 0;
    if (!there && mode == TFX_STORE_READ)
        return tfx_fail(err, TFX_E_INVALID, "no database %s (`tfx run` creates it; --db names another file)", path);
    if (there && S_ISDIR(st.st_mode))
        return tfx_fail(err, TFX_E_INVALID, "database %s: expected a file, found a folder", path);
    return TFX_OK;
}

/* Switching a new file to WAL needs the file for itself, and SQLite does not always ask
 * the busy handler before it gives up. */
static tfx_status enter_wal(tfx_store *s, tfx_error *err)
{
    for (int waited_ms = 0;; waited_ms += 10) {
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(stmt);
        int is_wal = rc == SQLITE_ROW && !sqlite3_stricmp((const char *)sqlite3_column_text(stmt, 0), "wal");
        sqlite3_finalize(stmt);
        if (is_wal)
            return TFX_OK;
        if (rc == SQLITE_ROW)
            return tfx_fail(err, TFX_E_IO,
                            "database %s: its file system does not support shared memory (SQLite's WAL mode); "
                            "put it on a local disk",
                            s->path);
        if ((rc & 0xff) != SQLITE_BUSY || waited_ms >= BUSY_TIMEOUT_MS)
            return tfx_sql_fail(s, err);
        sqlite3_sleep(10);
    }
}

/* A reader leaves an older file as it is and reads a copy of it brought up to date, which SQLite removes when it is
 * closed. */
static tfx_status read_updated_copy(tfx_store *s, tfx_error *err)
{
    sqlite3 *file = s->db, *copy = NULL;
    sqlite3_backup *backup = NULL;
    int rc = sqlite3_open("", &copy);
    if (rc == SQLITE_OK && (backup = sqlite3_backup_init(copy, "main", file, "main")))
        sqlite3_backup_step(backup, -1);
    rc = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(copy);
    s->db = copy;
    sqlite3_close(file);
    if (rc != SQLITE_OK)
        return tfx_sql_fail(s, err);
    s->mode = TFX_STORE_WRITE;
    tfx_store_migrate(s, err);
    s->mode = TFX_STORE_READ;
    return err->status;
}

static tfx_status set_up(tfx_store *s, tfx_error *err)
{
    int64_t version = 0;
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (tfx_store_identify(s, &version, err) != TFX_OK)
        return err->status;
    if (s->mode == TFX_STORE_READ) {
        if (!version)
            return tfx_fail(err, TFX_E_DATA, "database %s is empty: no run was ever recorded in it", s->path);
        if (version < tfx_store_version() && read_updated_copy(s, err) != TFX_OK)
            return err->status;
        return tfx_sql_do(s, err, "PRAGMA query_only = ON", "");
    }
    if (enter_wal(s, err) != TFX_OK)
        return err->status;
    /* FULL, not the NORMAL often used with WAL: under NORMAL a power cut can undo the last
     * commits, and a checkpoint would then lie on disk that the database does not know.
     * The price is one fsync per transaction, and we commit a few times per second. */
    tfx_sql_do(s, err, "PRAGMA synchronous = FULL", "");
    tfx_sql_do(s, err, "PRAGMA foreign_keys = ON", "");
    if (err->status == TFX_OK && version < tfx_store_version())
        tfx_store_migrate(s, err);
    return err->status;
}

/* Whether this file or folder is there to be written. Root may write everything; what nobody else may is
 * meant to stay as it is. */
static int is_writable(const char *path)
{
    struct stat st;
    return access(path, W_OK) == 0 && stat(path, &st) == 0 && (st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH));
}

/* Readers of a WAL database make files beside it. Where they may not, and no writer has left any, the
 * database is at rest and can be read as it is: that is what "immutable" tells SQLite. */
static int is_at_rest(tfx_store *s)
{
    const char *slash = strrchr(s->path, '/');
    char *folder = slash ? tfx_strndup(s->path, (size_t)(slash - s->path) + 1) : tfx_strdup(".");
    char *wal = tfx_printf("%s-wal", s->path);
    int alone = access(wal, F_OK) != 0, writable = is_writable(folder) && is_writable(s->path);
    free(folder);
    free(wal);
    s->leaves_files = alone && writable;
    return alone && !writable;
}

/* The last connection removes -wal and -shm when it closes, unless it was one for reading. */
static void remove_files(const char *path)
{
    sqlite3 *db = NULL;
    char *wal = tfx_printf("%s-wal", path);
    int there = access(wal, F_OK) == 0;
    free(wal);
    if (there && sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
        sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    sqlite3_close(db);
}

static int open_file(tfx_store *s)
{
    tfx_text uri = {0};
    if (s->mode == TFX_STORE_WRITE)
        return sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (!is_at_rest(s))
        return sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READONLY, NULL);
    tfx_text_add(&uri, "file:");
    for (const char *p = s->path; *p; p++)
        tfx_text_add(&uri, strchr("?#%", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    tfx_text_add(&uri, "?immutable=1");
    int rc = sqlite3_open_v2(uri.s, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    tfx_text_free(&uri);
    return rc;
}

tfx_store *tfx_store_open(const char *path, tfx_store_mode mode, tfx_error *err)
{
    if (check_path(path, mode, err) != TFX_OK)
        return NULL;
    tfx_store *s = TFX_NEW(tfx_store);
    s->path = tfx_strdup(path);
    s->mode = mode;
    s->doing = "opening";
    if (open_file(s) != SQLITE_OK)
        tfx_sql_fail(s, err);
    else if (set_up(s, err) == TFX_OK) {
        s->doing = NULL;
        return s;
    }
    tfx_store_close(s);
    return NULL;
}

void tfx_store_close(tfx_store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    if (s->leaves_files)
        remove_files(s->path);
    free(s->path);
    free(s);
}

const char *tfx_store_path(const tfx_store *s)
{
    return s->path;
}

char *tfx_store_folder(const tfx_store *s)
{
    char *file = realpath(s->path, NULL), *slash = file ? strrchr(file, '/') : NULL;
    if (!slash)
        return tfx_strdup("."); /* it was removed while open */
    slash[slash == file] = '\0';
    return file;
}

char *tfx_store_log(const tfx_store *s, const char *directory)
{
    char *root = tfx_store_folder(s), *path = tfx_printf("%s/%s/log.txt", root, directory);
    free(root);
    return path;
}

tfx_status tfx_store_begin(tfx_store *s, tfx_error *err)
{
    tfx_error e = {0};
    if (s->in_group)
        return tfx_fail(err, TFX_E_INTERNAL, "database %s: a transaction within a transaction", s->path);
    if (tfx_write_enter(s, "beginning a transaction", &e) != TFX_OK)
        return tfx_write_leave(s, &e, err);
    s->writing = 0; /* commit or rollback ends it */
    s->in_group = 1;
    return TFX_OK;
}

tfx_status tfx_store_commit(tfx_store *s, tfx_error *err)
{
    tfx_error e = {0};
    if (!s->in_group)
        return tfx_fail(err, TFX_E_INTERNAL, "database %s: commit without a transaction", s->path);
    s->doing = "committing";
    if (sqlite3_get_autocommit(s->db))
        tfx_fail(&e, TFX_E_IO, "database %s: an earlier error has undone this transaction", s->path);
    tfx_sql_do(s, &e, "COMMIT", "");
    if (e.status != TFX_OK)
        tfx_store_rollback(s);
    s->in_group = 0;
    s->doing = NULL;
    return e.status == TFX_OK ? TFX_OK : tfx_fail(err, e.status, "%s", e.text);
}

void tfx_store_rollback(tfx_store *s)
{
    if (s->in_group && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_group = 0;
}

tfx_status tfx_store_begin_reading(tfx_store *s, tfx_error *err)
{
    return tfx_sql_do(s, err, "BEGIN", "");
}

void tfx_store_end_reading(tfx_store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}
