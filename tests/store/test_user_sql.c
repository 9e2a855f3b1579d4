/* User SQL: one statement that reads, and a clear message for everything else. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/report/table.h"
#include "framework/store/queries.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;
static tfx_store *s;

static void set_up(void)
{
    s = sample_open(TFX_STORE_READ, &folder, &path);
}

static void tear_down(void)
{
    sample_close(s, folder, path);
}

/* Runs a query; returns what it printed (malloced), with the error in *err. */
static char *query(const char *sql, tfx_error *err)
{
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    tfx_rows *rows = tfx_query_user(s, sql, err);
    tfx_table_print(rows, NULL, TFX_FORMAT_CSV, f, err);
    tfx_rows_close(rows);
    fclose(f);
    return out;
}

START_TEST(allowed)
{
    static const char *const t[][2] = {
        {"SELECT 1 AS a", "a\n1\n"},
        {"  ; -- nothing\n SELECT 1 AS a;; -- done\n", "a\n1\n"},
        {"WITH x(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM x WHERE n < 3) SELECT sum(n) AS s FROM x", "s\n6\n"},
        {"VALUES (1, 2)", "column1,column2\n1,2\n"},
        {"SELECT count(*) AS n FROM pragma_table_info('spec')", "n\n2\n"},
        {"PRAGMA user_version", "user_version\n6\n"},
        {"PRAGMA integrity_check", "integrity_check\nok\n"},
        {"SELECT value AS v FROM json_each('[7]')", "v\n7\n"},
        {"SELECT sqrt(16) AS r", "r\n4\n"},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        tfx_error err = {0};
        char *out = query(t[i][0], &err);
        ck_assert_msg(err.status == TFX_OK, "%s: %s", t[i][0], err.text);
        ck_assert_str_eq(out, t[i][1]);
        free(out);
    }
}
END_TEST

START_TEST(refused)
{
    char *other = sample_path(folder, "other.db"), attach[512], vacuum[512];
    snprintf(attach, sizeof(attach), "ATTACH '%s' AS o", other);
    snprintf(vacuum, sizeof(vacuum), "VACUUM INTO '%s'", other);
    const char *const t[][2] = {
        {"DELETE FROM metric", "only a statement that reads"},
        {"UPDATE run SET status = 'done'", "only a statement that reads"},
        {"INSERT INTO spec VALUES ('a', 'b')", "only a statement that reads"},
        {"WITH x AS (SELECT 1) INSERT INTO spec SELECT 'a', 'b'", "only a statement that reads"},
        {"DROP TABLE metric", "only a statement that reads"},
        {"CREATE TABLE x (a)", "only a statement that reads"},
        {"CREATE TEMP TABLE x (a)", "only a statement that reads"},
        {"VACUUM", "only a statement that reads"},
        {vacuum, "only a statement that reads"},
        {attach, "only a statement that reads"},
        {"BEGIN IMMEDIATE", "only a statement that reads"},
        {"PRAGMA query_only = OFF", "only a statement that reads"},
        {"PRAGMA journal_mode = DELETE", "only a statement that reads"},
        {"PRAGMA user_version = 9", "only a statement that reads"},
        {"PRAGMA writable_schema = ON", "only a statement that reads"},
        {"SELECT load_extension('x')", "not authorized"},
        {"SELECT 1; SELECT 2", "one statement"},
        {"SELECT 1; DELETE FROM metric", "one statement"},
        {"SELECT 1; nonsense", "one statement"},
        {"", "found nothing"},
        {"-- only a comment", "found nothing"},
        {"SELECT :name", ":name"},
        {"SELECT ?", "parameters"},
    };
    char *before = sample_ask(path, "SELECT (SELECT count(*) FROM metric) || (SELECT count(*) FROM sqlite_schema)");
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        tfx_error err = {0};
        char *out = query(t[i][0], &err);
        ck_assert_msg(err.status == TFX_E_INVALID && strstr(err.text, t[i][1]), "%s: %s", t[i][0], err.text);
        free(out);
    }
    ck_assert_sql(path, "SELECT (SELECT count(*) FROM metric) || (SELECT count(*) FROM sqlite_schema)", before);
    ck_assert_int_eq(access(other, F_OK), -1);
    free(before);
    free(other);
}
END_TEST

START_TEST(messages)
{
    static const char *const t[][2] = {
        {"SELECT * FORM run", "near \"FORM\": syntax error\n  SELECT * FORM run\n           ^"},
        {"SELECT arm,\n  staus\nFROM run_summary", "no such column: staus; did you mean \"status\"?\n    staus\n    ^"},
        {"SELECT r.staus FROM run r", "did you mean \"status\""},
        {"SELECT * FROM run_sumary", "no such table: run_sumary; did you mean \"run_summary\"?"},
        {"SELECT * FROM zzzzzzzzzzzzzzzzzz", "no such table: zzzzzzzzzzzzzzzzzz"},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        tfx_error err = {0};
        char *out = query(t[i][0], &err);
        ck_assert_msg(err.status == TFX_E_INVALID && strstr(err.text, t[i][1]), "%s", err.text);
        ck_assert_str_eq(out, "");
        free(out);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("store/user_sql");
    TCase *t = tcase_create("user_sql");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, allowed);
    tcase_add_test(t, refused);
    tcase_add_test(t, messages);
    suite_add_tcase(all, t);
    return all;
}

TFX_CHECK_MAIN(suite)
