/* Opening a database: what is created, what is refused, and what a reader may not do. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/store/statement.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;

static void set_up(void)
{
    folder = sample_folder();
    path = sample_path(folder, "tfx.db");
}

static void tear_down(void)
{
    free(path);
    sample_remove(folder);
}

/* Opening must fail with this status and a message that holds every given word. */
static void refuse(const char *file, tfx_store_mode mode, tfx_status status, const char *word, const char *word2)
{
    tfx_error err = {0};
    ck_assert_ptr_null(tfx_store_open(file, mode, &err));
    ck_assert_int_eq(err.status, status);
    ck_assert_msg(strstr(err.text, file) && strstr(err.text, word) && strstr(err.text, word2), "%s", err.text);
}

static void write_bytes(const char *bytes)
{
    FILE *f = fopen(path, "w");
    fputs(bytes, f);
    fclose(f);
}

START_TEST(creates)
{
    tfx_store *s = NULL;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    ck_assert_str_eq(tfx_store_path(s), path);
    ck_assert_sql(path, "PRAGMA user_version", "6");
    ck_assert_sql(path, "PRAGMA application_id", "1952872497"); /* "tfx1" */
    ck_assert_sql(path, "PRAGMA journal_mode", "wal");
    sqlite3_stmt *q = NULL;
    static const char *const settings[][2] = {{"PRAGMA synchronous", "2"}, {"PRAGMA foreign_keys", "1"}};
    for (int i = 0; i < 2; i++) {
        sqlite3_prepare_v2(s->db, settings[i][0], -1, &q, NULL);
        ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
        ck_assert_str_eq((const char *)sqlite3_column_text(q, 0), settings[i][1]);
        sqlite3_finalize(q);
    }
    sqlite3_prepare_v2(s->db, "PRAGMA busy_timeout", -1, &q, NULL);
    sqlite3_step(q);
    ck_assert_int_ge(sqlite3_column_int(q, 0), 30000);
    sqlite3_finalize(q);
    tfx_store_close(s);
    tfx_store_close(NULL);

    /* Opening again finds it as it is. */
    sample_fill(path);
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    tfx_store_close(s);
    ck_assert_sql(path, "SELECT count(*) FROM run", "6");
}
END_TEST

START_TEST(refuses_missing)
{
    char *inside = sample_path(folder, "no-such-folder/tfx.db");
    refuse(path, TFX_STORE_READ, TFX_E_INVALID, "no database", "tfx run");
    ck_assert_int_eq(access(path, F_OK), -1);
    refuse(inside, TFX_STORE_WRITE, TFX_E_IO, "opening", "No such file");
    free(inside);
}
END_TEST

START_TEST(refuses_folder)
{
    refuse(folder, TFX_STORE_READ, TFX_E_INVALID, "expected a file", "folder");
    refuse(folder, TFX_STORE_WRITE, TFX_E_INVALID, "expected a file", "folder");
}
END_TEST

START_TEST(refuses_other_files)
{
    char before[200], after[200];
    memset(before, 'x', sizeof(before) - 1);
    before[sizeof(before) - 1] = '\0';
    write_bytes(before);
    refuse(path, TFX_STORE_READ, TFX_E_DATA, "not an SQLite database", "");
    refuse(path, TFX_STORE_WRITE, TFX_E_DATA, "not an SQLite database", "");
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(after, sizeof(after), f));
    fclose(f);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(refuses_other_databases)
{
    sample_change(path, "CREATE TABLE notes (text)");
    refuse(path, TFX_STORE_READ, TFX_E_DATA, "not one of tfx", "application_id");
    refuse(path, TFX_STORE_WRITE, TFX_E_DATA, "not one of tfx", "application_id");
    ck_assert_sql(path, "SELECT group_concat(name) FROM sqlite_schema", "notes");
    ck_assert_sql(path, "PRAGMA journal_mode", "delete");
}
END_TEST

START_TEST(refuses_newer)
{
    sample_fill(path);
    sample_change(path, "PRAGMA user_version = 99");
    refuse(path, TFX_STORE_READ, TFX_E_DATA, "newer tfx", "found 99");
    refuse(path, TFX_STORE_WRITE, TFX_E_DATA, "newer tfx", "found 99");
    ck_assert_sql(path, "SELECT count(*) FROM run", "6");
}
END_TEST

static const char version_1[] =
    "ALTER TABLE checkpoint ADD COLUMN ancestor_flops REAL NOT NULL DEFAULT 0; ALTER TABLE checkpoint DROP COLUMN "
    "json_hash; ALTER TABLE growth_event DROP COLUMN keeps_function; ALTER TABLE growth_event DROP COLUMN argument; "
    "ALTER TABLE growth_event DROP COLUMN reason; "
    "ALTER TABLE arm DROP COLUMN start; DROP VIEW run_ancestors; CREATE VIEW run_ancestors AS SELECT id AS "
    "run, 0 AS steps, 0 AS tokens, 0.0 AS flops, 0.0 AS seconds FROM run WHERE 0; DROP TABLE outside_start; "
    "DROP VIEW slice_curve; DROP TABLE slice_metric; "
    "DROP VIEW forecast_score; DROP TABLE forecast; DROP TABLE fit; DROP VIEW endpoint; ALTER TABLE stage DROP COLUMN "
    "peak_lr; ALTER TABLE stage DROP COLUMN last_lr; "
    "DROP VIEW run_summary; CREATE VIEW run_summary AS SELECT 1; DROP TABLE run_tag; DROP TABLE note; "
    "ALTER TABLE stage DROP COLUMN context; ALTER TABLE stage DROP COLUMN micro_batch; ALTER TABLE stage DROP COLUMN "
    "data; "
    "ALTER TABLE stage DROP COLUMN eval_tokens; ALTER TABLE stage DROP COLUMN eval_hash; "
    "ALTER TABLE arm DROP COLUMN twin; ALTER TABLE arm DROP COLUMN twin_of; ALTER TABLE arm DROP COLUMN lr_search; "
    "DROP TABLE claim; DROP TABLE spec_reference; ALTER TABLE arm DROP COLUMN sweep; ALTER TABLE arm DROP COLUMN base; "
    "ALTER TABLE arm "
    "DROP COLUMN point; "
    "DROP INDEX metric_superseded; DROP TABLE removed; "
    "PRAGMA user_version = 1";

START_TEST(migrates)
{
    sample_fill(path);
    sample_change(path, version_1);
    sample_fill(path);
    ck_assert_sql(path, "PRAGMA user_version", "6");
    ck_assert_sql(path, "SELECT count(*) FROM pragma_table_info('checkpoint') WHERE name = 'ancestor_flops'", "0");
    ck_assert_sql(path, "SELECT count(json_hash) FROM checkpoint", "0");
    ck_assert_sql(path, "SELECT count(start) FROM arm", "1");
    ck_assert_sql(path, "SELECT count(*) > count(reason) FROM growth_event", "1");
    ck_assert_sql(path, "SELECT flops_incl FROM run_summary WHERE run = 6", "110000.0");
    ck_assert_sql(path, "SELECT count(*) FROM run", "12");
}
END_TEST

START_TEST(empty_file)
{
    write_bytes("");
    refuse(path, TFX_STORE_READ, TFX_E_DATA, "empty", "");
    sample_fill(path);
    ck_assert_sql(path, "SELECT count(*) FROM run", "6");
}
END_TEST

START_TEST(damaged_file)
{
    sample_fill(path);
    FILE *f = fopen(path, "r+");
    fseek(f, 4096, SEEK_SET);
    for (int i = 0; i < 40 * 4096; i++)
        fputc(i & 0xff, f);
    fclose(f);
    tfx_error err = {0};
    tfx_store *s = tfx_store_open(path, TFX_STORE_READ, &err);
    if (s) {
        tfx_run_info info;
        tfx_store_run_info(s, 3, &info, &err);
        tfx_run_info_finish(&info);
    }
    tfx_store_close(s);
    ck_assert_int_eq(err.status, TFX_E_DATA);
    ck_assert_msg(strstr(err.text, "damaged"), "%s", err.text);
}
END_TEST

START_TEST(reader_cannot_write)
{
    sample_fill(path);
    tfx_store *s = NULL;
    OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
    tfx_error err = {0};
    ck_assert_int_eq(tfx_store_add_run(s, 1, 99, &err), 0);
    ck_assert_int_eq(err.status, TFX_E_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err.text, "reading only"));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_store_begin(s, &err), TFX_E_INTERNAL);
    /* Nor behind the store's back, nor after turning query_only off. */
    sqlite3 *db = s->db;
    ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM metric", NULL, NULL, NULL), SQLITE_READONLY);
    sqlite3_exec(db, "PRAGMA query_only = OFF", NULL, NULL, NULL);
    ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM metric", NULL, NULL, NULL), SQLITE_READONLY);
    tfx_store_close(s);
}
END_TEST

/* ---- a database that is being created ---- */

static int creating;

/* Called before each statement: creates the database as another process would just then. */
static int create_meanwhile(unsigned type, void *at, void *statement, void *text)
{
    (void)type, (void)text;
    if (creating && strstr(sqlite3_sql(statement), at)) {
        creating = 0;
        sample_fill(path);
    }
    return 0;
}

static int watch(sqlite3 *db, char **message, const void *api)
{
    (void)message, (void)api;
    static const char *const at[] = {"PRAGMA application_id", "count(*)", "user_version"};
    if (creating)
        sqlite3_trace_v2(db, SQLITE_TRACE_STMT, create_meanwhile, (void *)at[creating - 1]);
    return SQLITE_OK;
}

/* At whatever moment another process creates it, a reader finds it empty or whole. */
START_TEST(being_created)
{
    sample_change(path, "PRAGMA journal_mode = WAL"); /* as far as a writer comes before its tables */
    sqlite3_auto_extension((void (*)(void))watch);
    creating = _i + 1;
    tfx_error err = {0};
    tfx_store *s = tfx_store_open(path, TFX_STORE_READ, &err);
    sqlite3_reset_auto_extension();
    ck_assert_int_eq(creating, 0);
    ck_assert_msg(s || strstr(err.text, "is empty: no run was ever recorded"), "%s", err.text);
    tfx_store_close(s);
    OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
    tfx_store_close(s);
}
END_TEST

/* ---- reading leaves nothing behind ---- */

static void read_once(const char *file)
{
    tfx_store *s = NULL;
    tfx_run_info info;
    OK(s = tfx_store_open(file, TFX_STORE_READ, oops));
    OK(tfx_store_run_info(s, 3, &info, oops));
    tfx_run_info_finish(&info);
    tfx_store_close(s);
}

static void check_alone(void)
{
    char *wal = sample_path(folder, "tfx.db-wal"), *shm = sample_path(folder, "tfx.db-shm");
    ck_assert(access(wal, F_OK) && access(shm, F_OK));
    free(wal);
    free(shm);
}

START_TEST(reading_leaves_nothing)
{
    sample_fill(path);
    read_once(path);
    check_alone();
    /* Nor does root, where the file or the folder may not be written. */
    static const mode_t modes[][2] = {{0444, 0755}, {0644, 0555}, {0444, 0555}};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(chmod(path, modes[i][0]) | chmod(folder, modes[i][1]), 0);
        read_once(path);
        check_alone();
        ck_assert_int_eq(chmod(folder, 0755), 0);
    }
    /* Where a writer is at work, its files stay. */
    ck_assert_int_eq(chmod(path, 0644), 0);
    tfx_store *s = NULL;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    sample_metric(s, 6, 7, "train_loss", 1000, 1e6, 1.0);
    read_once(path);
    sample_metric(s, 6, 7, "train_loss", 1001, 1e6, 1.0);
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE step >= 1000", "2");
    tfx_store_close(s);
    check_alone();
}
END_TEST

/* A database of tfx 0.1.0 is read as one of today would be, and stays what it is. */
START_TEST(reads_older)
{
    sample_fill(path);
    sample_change(path, version_1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(chmod(path, i ? 0444 : 0644), 0);
        tfx_store *s = NULL;
        tfx_checkpoint_info c = {0};
        tfx_error err = {0};
        OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
        OK(tfx_store_latest_checkpoint(s, 3, &c, oops));
        ck_assert(c.id > 0 && !c.json_hash);
        tfx_checkpoint_info_finish(&c);
        ck_assert_int_eq(tfx_store_add_run(s, 1, 99, &err), 0);
        ck_assert_int_eq(sqlite3_exec(s->db, "DELETE FROM metric", NULL, NULL, NULL), SQLITE_READONLY);
        tfx_store_close(s);
        check_alone();
    }
    ck_assert_sql(path, "PRAGMA user_version", "1");
    ck_assert_sql(path, "SELECT count(*) FROM pragma_table_info('checkpoint') WHERE name = 'ancestor_flops'", "1");
}
END_TEST

/* A database that was archived where nobody may write is still read, by someone who is not root. */
START_TEST(read_only_folder)
{
    char *odd = sample_path(folder, "a?b#c%41.db");
    sample_fill(path);
    ck_assert_int_eq(rename(path, odd), 0);
    ck_assert_int_eq(chmod(odd, 0444) | chmod(folder, 0555), 0);
    pid_t pid = fork();
    if (pid == 0) {
        tfx_error err = {0};
        int others = getuid() != 0 || setuid(65534) == 0;
        tfx_store *s = others ? tfx_store_open(odd, TFX_STORE_READ, &err) : NULL;
        sqlite3_stmt *q = NULL;
        int found = s && sqlite3_prepare_v2(s->db, "SELECT count(*) FROM run", -1, &q, NULL) == SQLITE_OK &&
                    sqlite3_step(q) == SQLITE_ROW && sqlite3_column_int(q, 0) == 6;
        if (!found)
            fprintf(stderr, "%s\n", err.text);
        sqlite3_finalize(q);
        tfx_store_close(s);
        _exit(found ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(status, 0);
    free(odd);
}
END_TEST

/* A full disk: the write fails with a message, nothing of its group is recorded, and what
 * was there before still is. */
START_TEST(disk_full)
{
    sample_fill(path);
    tfx_store *s = NULL;
    tfx_error err = {0};
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    ck_assert_int_eq(sqlite3_exec(s->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    int64_t step = 1000;
    OK(tfx_store_begin(s, oops));
    for (; err.status == TFX_OK && step < 100000; step++) {
        tfx_metric_row row = {6, 7, step, step * 10, 1e6, 1.0, "train_loss", 1.0};
        tfx_store_add_metric(s, &row, &err);
    }
    ck_assert_int_eq(err.status, TFX_E_IO);
    ck_assert_msg(strstr(err.text, "recording a metric") && strstr(err.text, "disk is full"), "%s", err.text);
    /* Whether SQLite undid the savepoint or the whole group, a commit never keeps a part
     * of the write that failed. */
    tfx_store_rollback(s);
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE step >= 1000", "0");
    ck_assert_sql(path, "PRAGMA integrity_check", "ok");
    /* With room again the same store goes on. */
    sqlite3_exec(s->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL);
    sample_metric(s, 6, 7, "train_loss", 1000, 1e6, 1.0);
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE step >= 1000", "1");
    tfx_store_close(s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("store/open");
    TCase *t = tcase_create("open");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, creates);
    tcase_add_test(t, refuses_missing);
    tcase_add_test(t, refuses_folder);
    tcase_add_test(t, refuses_other_files);
    tcase_add_test(t, refuses_other_databases);
    tcase_add_test(t, refuses_newer);
    tcase_add_test(t, migrates);
    tcase_add_test(t, empty_file);
    tcase_add_test(t, damaged_file);
    tcase_add_test(t, reader_cannot_write);
    tcase_add_loop_test(t, being_created, 0, 3);
    tcase_add_test(t, reading_leaves_nothing);
    tcase_add_test(t, reads_older);
    tcase_add_test(t, read_only_folder);
    tcase_add_test(t, disk_full);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
