/* Values that the tables' own rules do not allow, as a damaged file or another program may leave them: what is
 * read is checked, and the message says where it is. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/report/ancestry.h"
#include "framework/report/cost_curve.h"
#include "framework/report/html_page.h"
#include "framework/report/run_detail.h"
#include "framework/report/run_table.h"
#include "framework/store/queries_report.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;

static void set_up(void)
{
    folder = sample_folder();
    path = sample_path(folder, "tfx.db");
    sample_fill(path);
}

static void tear_down(void)
{
    free(path);
    sample_remove(folder);
}

/* NOT NULL holds even for those who ignore the checks, until the schema says otherwise. */
static void damage(const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    const char *const first[] = {"PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON; "
                                 "UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE type = 'table'; "
                                 "PRAGMA writable_schema = RESET",
                                 sql};
    for (int i = 0; i < 2; i++)
        ck_assert_msg(sqlite3_exec(db, first[i], NULL, NULL, &message) == SQLITE_OK, "%s: %s", first[i], message);
    sqlite3_close(db);
}

static tfx_id checkpoint_id(const char *which)
{
    char *sql = tfx_printf("SELECT %s(id) FROM checkpoint", which), *answer = sample_ask(path, sql);
    tfx_id id = atoi(answer);
    free(answer);
    free(sql);
    return id;
}

static void check_message(tfx_error *err, const char *column, const char *found)
{
    char *said = err->text;
    ck_assert_msg(err->status == TFX_E_DATA && strstr(said, path) && strstr(said, "is damaged") &&
                      strstr(said, column) && strstr(said, found),
                  "status %d: %s", (int)err->status, said);
}

static const struct {
    const char *sql, *column, *found;
} runs[] = {
    {"UPDATE run SET status = 'lost'", "status: expected one of: planned, running, done", "'lost'"},
    {"UPDATE run SET status = NULL", "status", "found NULL"},
    {"UPDATE run SET status = x'00'", "status", "found a blob"},
    {"UPDATE run SET status = 7", "status", "found '7'"},
    {"UPDATE run SET seed = 'one' WHERE id = 3", "seed: expected an integer, at least 0", "'one'"},
    {"UPDATE run SET seed = -3 WHERE id = 3", "seed", "'-3'"},
    {"UPDATE run SET pid = -1", "pid", "'-1'"},
    {"UPDATE run SET host = x'ff'", "host: expected text", "a blob"},
    {"UPDATE run SET directory = '../../home'", "directory: expected a path below the database", "'../../home'"},
    {"UPDATE run SET directory = '/etc'", "directory", "'/etc'"},
    {"UPDATE run SET directory = 'runs/..'", "directory", "'runs/..'"},
    {"UPDATE arm SET name = NULL", "arm_name: expected text", "found NULL"},
    {"UPDATE experiment SET name = 'a' || char(0) || 'b'", "experiment_name: expected text", "'a'"},
    {"UPDATE spec SET text = NULL", "spec", "found NULL"},
};

START_TEST(run_refused)
{
    tfx_error err = {0};
    tfx_store *s = NULL;
    tfx_run_info info;
    damage(runs[_i].sql);
    OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
    ck_assert_int_eq(tfx_store_run_info(s, 3, &info, &err), TFX_E_DATA);
    ck_assert_ptr_null(info.spec);
    check_message(&err, runs[_i].column, runs[_i].found);
    tfx_run_info_finish(&info);
    tfx_store_close(s);
}
END_TEST

static const struct {
    const char *sql, *column, *found;
} checkpoints[] = {
    {"UPDATE checkpoint SET path = '..'", "path: expected a path below", "'..'"},
    {"UPDATE checkpoint SET path = '/'", "path", "'/'"},
    {"UPDATE checkpoint SET path = ''", "path", "''"},
    {"UPDATE checkpoint SET path = 'runs/growth/../../../x'", "path", "/../x'"},
    {"UPDATE checkpoint SET hash = NULL", "hash", "found NULL"},
    {"UPDATE checkpoint SET step = -1", "step: expected an integer, at least 0", "'-1'"},
    {"UPDATE checkpoint SET tokens = 1.5", "tokens", "'1.5'"},
    {"UPDATE checkpoint SET flops = 'many'", "flops: expected a number", "'many'"},
    {"UPDATE checkpoint SET val_loss = 'low'", "val_loss: expected a number", "'low'"},
    {"UPDATE stage SET number = -2 - id", "number", "'-"},
};

START_TEST(checkpoint_refused)
{
    tfx_error err = {0}, err2 = {0}, err3 = {0};
    tfx_store *s = NULL;
    tfx_checkpoint_info info, *list;
    size_t n;
    damage(checkpoints[_i].sql);
    OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
    ck_assert_int_eq(tfx_store_latest_checkpoint(s, 3, &info, &err), TFX_E_DATA);
    check_message(&err, checkpoints[_i].column, checkpoints[_i].found);
    tfx_id id = checkpoint_id("min");
    ck_assert_int_eq(tfx_store_checkpoint(s, id, &info, &err2), TFX_E_DATA);
    ck_assert_int_eq(tfx_store_checkpoints_of(s, 3, "stage_end", &list, &n, &err3), TFX_E_DATA);
    ck_assert_uint_eq(n, 0);
    tfx_store_close(s);
}
END_TEST

/* Dots in names are none of a parent's. */
START_TEST(paths_that_are_fine)
{
    tfx_store *s = NULL;
    tfx_checkpoint_info info;
    damage("UPDATE checkpoint SET path = 'runs/..a/b../...'");
    OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
    OK(tfx_store_latest_checkpoint(s, 3, &info, oops));
    ck_assert_str_eq(info.path, "runs/..a/b../...");
    tfx_checkpoint_info_finish(&info);
    tfx_store_close(s);
}
END_TEST

/* Reports show what they can or say what is wrong; nothing reads where nothing is, or goes round in circles. */
START_TEST(reports_survive)
{
    static const char *const wrong[] = {
        "UPDATE run SET status = 'lost'",
        "UPDATE run SET status = NULL, seed = NULL, directory = x'01', detail = x'00', started = 5",
        "UPDATE arm SET name = NULL, model = NULL",
        "UPDATE experiment SET name = NULL, created = NULL",
        "UPDATE stage SET model = NULL, parameters = 'many', number = NULL",
        "UPDATE checkpoint SET reason = NULL, path = NULL, flops = 'x', step = NULL",
        "UPDATE growth_event SET from_model = NULL, to_model = x'00', policy = NULL, probe_loss_before = 'x'",
        "UPDATE metric SET value = 'low', step = 'soon' || id",
        "UPDATE metric_latest SET value = x'00', step = 'x'",
        "UPDATE arm SET train = '{'; UPDATE growth_event SET parameter_changes = '['",
        "UPDATE lineage_edge SET child = parent, parent = child",
    };
    char *out = NULL;
    size_t n = 0;
    tfx_store *s = NULL;
    damage(wrong[_i]);
    char *page = sample_path(folder, "report.html");
    FILE *f = open_memstream(&out, &n);
    OK(s = tfx_store_open(path, TFX_STORE_READ, oops));
    for (int json = 0; json <= 1; json++) {
        tfx_error err[7] = {{0}};
        tfx_report_runs(s, NULL, NULL, 0, json, f, &err[0]);
        tfx_report_experiment(s, 1, json, f, &err[1]);
        tfx_report_run(s, 3, json, f, &err[2]);
        tfx_report_curve(s, 1, "flops", 1, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, f, &err[3]);
        tfx_report_lineage(s, checkpoint_id("max"), json, f, &err[4]);
        tfx_report_html(s, 1, page, &err[5]);
        tfx_report_find_experiment(s, "grwth", &err[6]);
        for (int i = 0; i < 6; i++)
            ck_assert_msg(err[i].status == TFX_OK || strstr(err[i].text, "is damaged"), "%s", err[i].text);
    }
    tfx_store_close(s);
    fclose(f);
    free(out);
    free(page);
}
END_TEST

/* Two runs that start from each other's checkpoints, and a checkpoint that descends from what descends from it. */
START_TEST(views_end)
{
    damage("INSERT INTO stage (run, number, model, parameters, flops_per_token, first_step, planned_steps, started, "
           "parent_checkpoint, superseded) SELECT r.id, 0, 'm', 1, 1, 0, 1, '', (SELECT max(id) FROM checkpoint c "
           "WHERE c.run <> r.id), 0 FROM run r WHERE r.id = 5; "
           "UPDATE stage SET parent_checkpoint = (SELECT max(id) FROM checkpoint c WHERE c.run <> stage.run) "
           "WHERE number = 0; "
           "INSERT OR IGNORE INTO lineage_edge (child, parent) SELECT parent, child FROM lineage_edge");
    free(sample_ask(path, "SELECT count(*) FROM run_ancestors"));
    free(sample_ask(path, "SELECT count(*) FROM run_summary"));
    free(sample_ask(path, "SELECT count(*) FROM scaling_curve"));
    free(sample_ask(path, "SELECT count(*) FROM lineage"));
    char *family = tfx_report_sql(TFX_REPORT_LINEAGE, 1);
    free(sample_ask(path, family));
    free(family);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("store/damaged");
    TCase *t = tcase_create("damaged");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, run_refused, 0, sizeof(runs) / sizeof(*runs));
    tcase_add_loop_test(t, checkpoint_refused, 0, sizeof(checkpoints) / sizeof(*checkpoints));
    tcase_add_test(t, paths_that_are_fine);
    tcase_add_loop_test(t, reports_survive, 0, 11);
    tcase_add_test(t, views_end);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
