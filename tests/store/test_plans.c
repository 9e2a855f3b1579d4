/* What the program asks finds metrics by their index, and never reads all of them: with ten million rows that would take
 * seconds. The statements are those that the verbs execute, caught on their way; so are the views as people ask them. */
#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/report/ancestry.h"
#include "framework/report/cost_curve.h"
#include "framework/report/run_detail.h"
#include "framework/report/run_table.h"
#include "framework/store/statement.h"
#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;
static tfx_store *s;
static char *caught[256];
static int n_caught;

static void set_up(void)
{
    s = sample_open(TFX_STORE_WRITE, &folder, &path);
    n_caught = 0;
}

static void tear_down(void)
{
    while (n_caught)
        free(caught[--n_caught]);
    sample_close(s, folder, path);
}

static int catch (unsigned type, void *unused, void *statement, void *text)
{
    const char *sql = sqlite3_sql(statement);
    (void)type, (void)unused;
    if (strncmp(text, "--", 2) && n_caught < 256) /* a comment: what a trigger does */
        caught[n_caught++] = tfx_strdup(sql);
    return 0;
}

/* "SCAN m", "SCAN metric USING INDEX ...": all our statements call the table by one of these names. */
static int scans_metric(const char *detail)
{
    static const char *const names[] = {"metric", "m", "p"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t n = strlen(names[i]);
        if (!strncmp(detail, "SCAN ", 5) && !strncmp(detail + 5, names[i], n) &&
            (!detail[5 + n] || detail[5 + n] == ' '))
            return 1;
    }
    return 0;
}

/* Whether the plan of a statement searches metric, having made sure that it does not scan it. */
static int check_plan(const char *sql)
{
    sqlite3_stmt *q = NULL;
    char *explain = tfx_printf("EXPLAIN QUERY PLAN %s", sql);
    int searched = 0;
    ck_assert_msg(sqlite3_prepare_v2(s->db, explain, -1, &q, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(s->db));
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(q, 3);
        ck_assert_msg(!scans_metric(detail), "%s\n%s", detail, sql);
        searched |= strstr(detail, " metric_live ") != NULL;
    }
    sqlite3_finalize(q);
    free(explain);
    return searched;
}

START_TEST(verbs)
{
    FILE *out = fopen("/dev/null", "w");
    double *flops, *loss;
    size_t n;
    int searched = 0;
    sqlite3_trace_v2(s->db, SQLITE_TRACE_STMT, catch, NULL);
    OK(tfx_report_runs(s, NULL, NULL, 0, 0, out, oops));
    OK(tfx_report_runs(s, "growth", (const char *[]){"lr"}, 1, 1, out, oops));
    OK(tfx_report_experiment(s, 1, 0, out, oops));
    OK(tfx_report_run(s, 3, 0, out, oops));
    OK(tfx_report_run(s, 3, 1, out, oops));
    OK(tfx_report_curve(s, 1, "flops", 1, TFX_FORMAT_CSV, out, oops));
    OK(tfx_report_lineage(s, 5, 0, out, oops));
    OK(tfx_store_val_losses(s, 3, &flops, &loss, &n, oops));
    OK(tfx_store_supersede(s, 6, 5, oops));
    sample_metric(s, 6, 7, "val_loss", 20, 1, 1);
    sqlite3_trace_v2(s->db, 0, NULL, NULL);
    for (int i = 0; i < n_caught; i++)
        searched += check_plan(caught[i]);
    ck_assert_int_gt(n_caught, 25);
    ck_assert_int_ge(searched, 4);
    free(flops);
    free(loss);
    fclose(out);
}
END_TEST

#define NEWEST "(SELECT max(id) FROM experiment WHERE name = 'growth')"

START_TEST(views)
{
    static const char *const asked[] = {
        "SELECT * FROM scaling_curve WHERE experiment_id = " NEWEST " ORDER BY arm, seed, step, stage",
        "SELECT * FROM scaling_curve WHERE experiment = 'growth' AND arm = 'large'",
        "SELECT * FROM scaling_curve WHERE run = 3",
        "SELECT * FROM scaling_curve",
        "SELECT * FROM cost_to_loss WHERE experiment_id = " NEWEST,
        "SELECT * FROM cost_to_loss WHERE experiment = 'growth'",
        "SELECT * FROM cost_to_loss a JOIN cost_to_loss b ON b.experiment_id = a.experiment_id WHERE a.experiment_id = "
        "1",
        "SELECT * FROM endpoint",
        "SELECT * FROM endpoint WHERE experiment_id = " NEWEST " AND decayed",
        "SELECT * FROM endpoint WHERE run = 3",
    };
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++)
        ck_assert_msg(check_plan(asked[i]), "%s does not read metric", asked[i]);
}
END_TEST

/* Asking about one checkpoint does not begin with all of them. */
START_TEST(lineage)
{
    sqlite3_stmt *q = NULL;
    ck_assert_int_eq(
        sqlite3_prepare_v2(s->db, "EXPLAIN QUERY PLAN SELECT * FROM lineage WHERE checkpoint = 5", -1, &q, NULL),
        SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW)
        ck_assert_msg(!strstr((const char *)sqlite3_column_text(q, 3), "SCAN k"), "%s", sqlite3_column_text(q, 3));
    sqlite3_finalize(q);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("store/plans");
    TCase *t = tcase_create("plans");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, verbs);
    tcase_add_test(t, views);
    tcase_add_test(t, lineage);
    suite_add_tcase(suite, t);
    return suite;
}

TFX_CHECK_MAIN(suite)
