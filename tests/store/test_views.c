/* The views against numbers worked out by hand from tests/store/sample.h, with the sqlite3
 * program where it is installed, and every query of docs/database.md. */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/report/table.h"
#include "framework/store/queries.h"
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

START_TEST(run_summary)
{
    ck_assert_sql(path, "SELECT count(*) FROM run_summary", "6");
    /* From scratch: both costs are 30 steps x 10 tokens x 300. */
    ck_assert_sql(path,
                  "SELECT experiment || ' ' || arm || ' ' || seed || ' ' || status || ' ' || model || ' ' || "
                  "parameters || ' ' || stages || ' ' || steps || ' ' || tokens || ' ' || flops_excl || ' ' || "
                  "flops_incl || ' ' || seconds || ' ' || val_loss || ' ' || bits_per_byte FROM run_summary "
                  "WHERE run = 2",
                  "growth large 2 done large 3000 1 30 300 90000.0 90000.0 30.0 2.2 1.1");
    /* Grown: 20 x 10 x 100 in stage 0 and 20 x 10 x 300 in stage 1. */
    ck_assert_sql(path,
                  "SELECT model || ' ' || stages || ' ' || tokens || ' ' || flops_excl || ' ' || flops_incl || "
                  "' ' || val_loss FROM run_summary WHERE run = 3",
                  "large 2 400 60000.0 80000.0 2.0");
    /* A run that never began has no numbers, and is there. */
    ck_assert_sql(path,
                  "SELECT status || ' ' || tokens || ' ' || flops_incl || (model IS NULL) || (val_loss IS NULL) "
                  "|| ' ' || detail FROM run_summary WHERE run = 5",
                  "failed 0 0.011 killed by signal 11 (Segmentation fault)");
    /* From another run's checkpoint: 10 x 10 x 300 of its own after 80000. */
    ck_assert_sql(path,
                  "SELECT status || ' ' || flops_excl || ' ' || flops_incl || (ended IS NULL) FROM run_summary "
                  "WHERE run = 6",
                  "running 30000.0 110000.01");
}
END_TEST

START_TEST(scaling_curve)
{
    ck_assert_sql(path, "SELECT count(*) FROM scaling_curve", "22"); /* 4 + 4 + 6 + 6 + 2 */
    ck_assert_sql(path,
                  "SELECT group_concat(stage || ':' || step || ':' || flops_excl || ':' || flops_incl || ':' || "
                  "val_loss, ' ') FROM (SELECT * FROM scaling_curve WHERE run = 3 ORDER BY step, stage)",
                  "0:0:0.0:0.0:5.0 0:10:10000.0:10000.0:3.5 0:20:20000.0:20000.0:3.0 "
                  "1:20:0.0:20000.0:3.0 1:30:30000.0:50000.0:2.5 1:40:60000.0:80000.0:2.0");
    ck_assert_sql(path,
                  "SELECT step || ' ' || tokens || ' ' || steps_excl || ' ' || steps_incl || ' ' || tokens_excl "
                  "|| ' ' || tokens_incl || ' ' || seconds_excl || ' ' || seconds_incl || ' ' || bits_per_byte "
                  "FROM scaling_curve WHERE run = 3 AND step = 30",
                  "30 300 10 30 100 300 10.0 30.0 1.25");
    /* Run 6 continues run 3: 40 steps, 400 tokens, 40 seconds came before. */
    ck_assert_sql(path,
                  "SELECT step || ' ' || steps_incl || ' ' || tokens_excl || ' ' || tokens_incl || ' ' || "
                  "flops_excl || ' ' || flops_incl || ' ' || seconds_incl FROM scaling_curve WHERE run = 6 AND "
                  "step = 10",
                  "10 50 100 500 30000.0 110000.0 50.0");
}
END_TEST

START_TEST(endpoint)
{
    ck_assert_sql(path, "SELECT count(*) FROM endpoint", "6"); /* run 6 is in the middle of its stage */
    ck_assert_sql(
        path,
        "SELECT group_concat(stage || ' ' || final || decayed || ' ' || model || ' ' || parameters || ' ' || "
        "tokens_incl || ' ' || flops_excl || ' ' || flops_incl || ' ' || val_loss || ' ' || peak_lr || ' ' || "
        "last_lr, ', ') FROM (SELECT * FROM endpoint WHERE run = 3 ORDER BY stage)",
        "0 00 small 1000 200 20000.0 20000.0 3.0 0.001 0.0005, "
        "1 11 large 3000 400 60000.0 80000.0 2.0 0.001 0.0001");
    ck_assert_sql(path, "SELECT final || decayed || ' ' || flops_incl FROM endpoint WHERE run = 1", "11 90000.0");
}
END_TEST

/* What an earlier version recorded: the learning rates are those of the metrics, where they are there. */
START_TEST(endpoint_of_earlier_versions)
{
    sample_change(path, "UPDATE stage SET peak_lr = NULL, last_lr = NULL");
    ck_assert_sql(path, "SELECT count(*) FROM endpoint WHERE decayed IS NULL", "6");
    sample_change(path, "UPDATE arm SET train = '{\"lr\": \"0.004\"}'");
    sample_change(path,
                  "INSERT INTO metric (run, stage, name, step, tokens, flops, seconds, value) SELECT run, id, 'lr', "
                  "first_step + 20, 0, 0, 0, CASE number WHEN 0 THEN 2e-3 ELSE 4e-4 END FROM stage WHERE run = 3");
    ck_assert_sql(path, "SELECT group_concat(peak_lr || decayed, ' ') FROM endpoint WHERE run = 3", "0.0040 0.0041");
}
END_TEST

/* A third run on top of run 6: ancestors of ancestors count, up to where each was left. */
START_TEST(ancestors_of_ancestors)
{
    tfx_store *s = NULL;
    tfx_id e = 0, a = 0, run = 0, stage = 0;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    OK(e = tfx_store_add_experiment(s, "third", NULL, NULL, NULL, "x", oops));
    OK(a = tfx_store_add_arm(s, e, "more", "large", NULL, NULL, NULL, oops));
    OK(run = tfx_store_add_run(s, a, 1, oops));
    tfx_stage_row row = {run, 0, "large", 3000, 300, 10, 0, 1, 12}; /* run 6 at step 10 */
    OK(stage = tfx_store_add_stage(s, &row, oops));
    sample_metric(s, run, stage, "val_loss", 1, 3000, 1.4);
    tfx_store_close(s);
    ck_assert_sql(path,
                  "SELECT runs || ' ' || steps || ' ' || tokens || ' ' || flops FROM run_ancestors WHERE "
                  "run = 7",
                  "2 50 500 110000.0");
    ck_assert_sql(path, "SELECT flops_excl || ' ' || flops_incl FROM scaling_curve WHERE run = 7", "3000.0 113000.0");
}
END_TEST

/* What came from outside of the database counts, for the run that started there and for those on top of it. */
START_TEST(ancestors_outside)
{
    tfx_store *s = NULL;
    tfx_spent cost = {1, 2, 3.0, 4.0}, more = {10, 20, 30.0, 40.0};
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    OK(tfx_store_set_outside_start(s, 3, "/somewhere/else", "00", &cost, oops));
    OK(tfx_store_set_outside_start(s, 3, "/somewhere/else", "00", &more, oops)); /* once more, after a kill */
    tfx_store_close(s);
    /* Run 6 continues run 3 at 40 steps, 400 tokens, 80000 FLOPs. */
    ck_assert_sql(path,
                  "SELECT group_concat(run || ':' || runs || ':' || steps || ':' || tokens || ':' || flops, ' ') FROM "
                  "(SELECT * FROM run_ancestors ORDER BY run)",
                  "3:1:10:20:30.0 6:2:50:420:80030.0");
    ck_assert_sql(
        path,
        "SELECT steps_incl || ' ' || tokens_incl || ' ' || flops_incl || ' ' || seconds_incl FROM run_summary "
        "WHERE run = 6",
        "60 520 110030.0 90.0");
    ck_assert_sql(path,
                  "SELECT steps_incl || ' ' || tokens_incl || ' ' || flops_incl || ' ' || seconds_incl FROM lineage "
                  "WHERE checkpoint = 12 AND distance = 0",
                  "60 520 110030.0 90.0");
}
END_TEST

/* A branch that nobody but it pays for twice: what a trunk did behind the point where it was left does not count. */
START_TEST(shared_trunk)
{
    tfx_store *s = NULL;
    tfx_id a = 0, run = 0;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    for (int i = 0; i < 2; i++) {
        OK(a = tfx_store_add_arm(s, 1, i ? "late" : "early", "small", NULL, "arm:grown@step:10", NULL, oops));
        OK(run = tfx_store_add_run(s, a, 1, oops));
        tfx_stage_row row = {run, 0, "small", 1000, 100, 10, 0, 1, 3}; /* run 3 at step 10 */
        OK(tfx_store_add_stage(s, &row, oops));
    }
    tfx_store_close(s);
    ck_assert_sql(path,
                  "SELECT group_concat(run || ':' || runs || ':' || flops, ' ') FROM (SELECT * FROM run_ancestors "
                  "WHERE run > 6 ORDER BY run)",
                  "7:1:10000.0 8:1:10000.0");
    ck_assert_sql(path, "SELECT count(*) || min(start) FROM arm WHERE experiment = 1 AND start IS NOT NULL",
                  "2arm:grown@step:10");
}
END_TEST

START_TEST(cost_to_loss)
{
    /* The evaluation at the start of stage 1 repeats 3.0 and so is no new best. */
    ck_assert_sql(path,
                  "SELECT group_concat(loss || '<' || loss_before || ':' || flops_incl || ':' || flops_excl, ' ') "
                  "FROM (SELECT * FROM cost_to_loss WHERE run = 3 ORDER BY step)",
                  "5.0<Inf:0.0:0.0 3.5<5.0:10000.0:10000.0 3.0<3.5:20000.0:20000.0 2.5<3.0:50000.0:30000.0 "
                  "2.0<2.5:80000.0:60000.0");
    /* For any loss, one row per run that reached it. */
    ck_assert_sql(path,
                  "SELECT group_concat(run || ':' || step, ' ') FROM (SELECT * FROM cost_to_loss WHERE "
                  "loss <= 2.05 AND 2.05 < loss_before ORDER BY run)",
                  "1:30 3:40 6:0");
    /* A loss that rises again, and one that is not a number, are not new bests. */
    tfx_store *s = NULL;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    sample_metric(s, 6, 7, "val_loss", 20, 60000, 1.7);
    sample_metric(s, 6, 7, "val_loss", 30, 90000, 0.0 / 0.0);
    sample_metric(s, 6, 7, "val_loss", 40, 120000, 1.4);
    tfx_store_close(s);
    ck_assert_sql(path,
                  "SELECT group_concat(loss || ':' || step, ' ') FROM (SELECT * FROM cost_to_loss WHERE "
                  "run = 6 ORDER BY step)",
                  "2.0:0 1.5:10 1.4:40");
}
END_TEST

START_TEST(lineage)
{
    /* 12 <- 11 <- 6 <- 5 <- 4 <- 3, and between 4 and 5 growth event 1. */
    ck_assert_sql(path,
                  "SELECT group_concat(distance || ':' || ancestor || ':' || coalesce(growth_event, '-'), ' ') "
                  "FROM (SELECT * FROM lineage WHERE checkpoint = 12 ORDER BY distance)",
                  "0:12:- 1:11:- 2:6:- 3:5:1 4:4:- 5:3:-");
    ck_assert_sql(path,
                  "SELECT experiment || ' ' || arm || ' ' || run || ' ' || stage || ' ' || from_model || ' ' || "
                  "to_model || ' ' || ancestor_parent || ' ' || path FROM lineage WHERE checkpoint = 12 AND "
                  "growth_event IS NOT NULL",
                  "growth grown 3 1 small large 4 runs/3/step-000020-grown");
    ck_assert_sql(path,
                  "SELECT group_concat(checkpoint) FROM (SELECT checkpoint FROM lineage WHERE ancestor = 4 AND "
                  "distance > 0 ORDER BY 1)",
                  "5,6,11,12");
}
END_TEST

/* Listing runs must not touch the table that grows with every step. */
START_TEST(listing_does_not_read_metric)
{
    static const char *const lists[] = {"SELECT * FROM run_summary ORDER BY run DESC",
                                        "SELECT * FROM run_summary WHERE experiment_id = 1",
                                        "SELECT * FROM run_summary WHERE run = 1"};
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t i = 0; i < 3; i++) {
        char *sql = tfx_printf("EXPLAIN QUERY PLAN %s", lists[i]);
        int n = 0, latest = 0;
        ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
        for (; sqlite3_step(q) == SQLITE_ROW; n++) {
            const char *detail = (const char *)sqlite3_column_text(q, 3);
            ck_assert_msg(!strstr(detail, "metric_live") && !strstr(detail, "SCAN metric"), "%s", detail);
            latest |= strstr(detail, "metric_latest") != NULL;
        }
        ck_assert_int_gt(n, 3);
        ck_assert(latest);
        sqlite3_finalize(q);
        free(sql);
    }
    sqlite3_close(db);
    /* The plan names a table by its alias, so ask the other way round too: without the
     * table's rows, the list is the same. */
    char *before = sample_ask(path, "SELECT group_concat(flops_incl || val_loss) FROM run_summary");
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM metric", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_sql(path, "SELECT group_concat(flops_incl || val_loss) FROM run_summary", before);
    free(before);
}
END_TEST

/* Somebody else's reader: the shell, on the file as it lies there. */
START_TEST(sqlite3_shell)
{
    if (system("command -v sqlite3 >/dev/null 2>&1") != 0)
        return;
    char line[256] = "";
    char *command = tfx_printf("sqlite3 -readonly '%s' \"SELECT a.flops_incl / b.flops_incl FROM cost_to_loss a JOIN "
                               "cost_to_loss b ON a.arm = 'large' AND b.arm = 'grown' AND a.seed = 1 AND b.seed = 1 "
                               "AND b.loss = 2 AND a.loss <= 2 AND 2 < a.loss_before; PRAGMA integrity_check; "
                               "PRAGMA foreign_key_check\"",
                               path);
    FILE *p = popen(command, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), p));
    ck_assert_str_eq(line, "1.125\n"); /* 90000 / 80000 */
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), p));
    ck_assert_str_eq(line, "ok\n");
    ck_assert_ptr_null(fgets(line, sizeof(line), p));
    ck_assert_int_eq(pclose(p), 0);
    free(command);
}
END_TEST

/* Reads docs/database.md; malloced. */
static char *read_docs(void)
{
    const char *root = getenv("TFX_SOURCE_ROOT");
    ck_assert_msg(root != NULL, "TFX_SOURCE_ROOT is not set");
    char *name = tfx_printf("%s/docs/database.md", root);
    FILE *f = fopen(name, "r");
    ck_assert_msg(f != NULL, "%s", name);
    tfx_text t = {0};
    char line[1024];
    while (fgets(line, sizeof(line), f))
        tfx_text_add(&t, "%s", line);
    fclose(f);
    free(name);
    return t.s;
}

/* Runs the query and returns its CSV; malloced. */
static char *run_query(const char *sql)
{
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    tfx_error err = {0};
    tfx_store *s = tfx_store_open(path, TFX_STORE_READ, &err);
    ck_assert_ptr_nonnull(s);
    tfx_rows *rows = tfx_query_user(s, sql, &err);
    tfx_table_print(rows, NULL, TFX_FORMAT_CSV, f, &err);
    tfx_rows_close(rows);
    ck_assert_msg(err.status == TFX_OK, "%s\n%s", err.text, sql);
    tfx_store_close(s);
    fclose(f);
    return out;
}

/* What some of the documented queries must say about the sample, by a piece of their text. */
static const struct {
    const char *piece, *answer;
} answers[] = {
    /* Seed 1: both reach 2.0. 90000 - 80000, 90000 - 60000, 1 - 80/90, 1 - 60/90. Seed 2:
     * the worse of 2.2 and 2.1 is 2.2, which `grown` passes with 2.1 at the same cost. */
    {"flops_saved_incl", "seed,loss,flops_saved_incl,flops_saved_excl,fraction_saved_incl,fraction_saved_excl\n"
                         "1,2,10000,30000,0.111111111111111,0.333333333333333\n"
                         "2,2.2,10000,30000,0.111111111111111,0.333333333333333\n"},
    /* Seed 1: 2.5 costs `large` 90000 (its 2.0), `grown` 50000 or 30000. Seed 2: 2.6 costs
     * 90000 (2.2) against 50000; 2.1 was never reached by `large`. */
    {"speed_up_incl", "seed,loss,speed_up_incl,speed_up_excl\n1,2.5,1.8,3\n1,2,1.125,1.5\n"
                      "2,2.6,1.8,3\n"},
    {"AND 3.0 < loss_before", "arm,seed,stage,step,flops_incl,flops_excl,tokens_incl,seconds_incl\n"
                              "grown,1,0,20,20000,20000,200,20\ngrown,2,1,30,50000,30000,300,30\n"
                              "large,1,0,20,60000,60000,200,20\nlarge,2,0,30,90000,90000,300,30\n"},
    /* Run 6 after run 3: 10 steps of 10 tokens on top of 400 tokens and 80000 FLOPs. */
    {"AS flops_before", "experiment_id,arm,seed,start,tokens_incl,flops_incl,flops_before,val_loss\n"
                        "2,more,1,run:3@end,500,110000,80000,1.5\n"},
    /* 2 x 90000 and 2 x 80000. */
    {"AS flops_together", "flops_together\n340000\n"},
    /* 2.0 and 2.1: mean 2.05, spread 0.1 / sqrt(2); 2.0 and 2.2: twice that. */
    {"AS std", "arm,seeds,mean,std,min,max\ngrown,2,2.05,0.0707106781186548,2,2.1\n"
               "large,2,2.1,0.14142135623731,2,2.2\n"},
    /* Forecast for both seeds of `large`, 2.0 and 2.2; run 5 has not come to an end. */
    {"AS came_out", "arm,seed,fit,forecast,low,high,came_out,inside\nlarge,1,sizes,2.1,1.95,2.3,2,1\n"
                    "large,2,sizes,2.1,1.95,2.15,2.2,0\n"},
    {"AS rule", "run,step,path,old_shape,new_shape,rule\n3,20,blocks.0.mixer.q.key,\"[4,8]\",\"[12,8]\",zero\n"
                "4,20,blocks.0.mixer.q.key,\"[4,8]\",\"[12,8]\",zero\n"},
};

/* The same text, but for the last digits of numbers: SQLite versions add up differently. */
static int same_csv(const char *a, const char *b)
{
    while (*a && *b) {
        char *end_a, *end_b;
        double x = strtod(a, &end_a), y = strtod(b, &end_b);
        if (end_a != a && end_b != b && fabs(x - y) <= 1e-11 * fabs(x)) {
            a = end_a;
            b = end_b;
        } else if (*a++ != *b++)
            return 0;
    }
    return *a == *b;
}

START_TEST(documented_queries)
{
    char *docs = read_docs();
    size_t n = 0, checked = 0;
    sample_change(path, "INSERT INTO run_tag VALUES (6, 'lr', '3e-3')");
    sample_change(
        path,
        "INSERT INTO fit VALUES (1, 'sizes', NULL, 't.csv', 'power', 0.001, 1, 9, 0, NULL, NULL, '{}', '{}', '[]', "
        "''); "
        "INSERT INTO forecast VALUES (1, 1, 2.1, 1.95, 2.3, ''), (2, 1, 2.1, 1.95, 2.15, ''), (5, 1, 2, 1, 3, '')");
    for (char *at = docs; (at = strstr(at, "```sql\n"));) {
        char *sql = at + 7, *end = strstr(sql, "```");
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        char *out = run_query(sql);
        const char *second = strchr(out, '\n');
        ck_assert_msg(second && second[1], "no rows from\n%s", sql);
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
            if (strstr(sql, answers[i].piece)) {
                ck_assert_msg(same_csv(out, answers[i].answer), "%s\ngives\n%s\nexpected\n%s", sql, out,
                              answers[i].answer);
                checked++;
            }
        free(out);
        at = end + 3;
        n++;
    }
    ck_assert_uint_ge(n, 14);
    ck_assert_uint_eq(checked, sizeof(answers) / sizeof(answers[0]));
    free(docs);
}
END_TEST

/* Every table, view and column has its place in the documentation. */
START_TEST(documented_columns)
{
    char *docs = read_docs();
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    size_t n = 0;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
                                        "WHERE t.type IN ('table', 'view') AND t.name <> 'cost_to_loss'",
                                        -1, &q, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(q) == SQLITE_ROW; n++) {
        const char *table = (const char *)sqlite3_column_text(q, 0);
        const char *column = (const char *)sqlite3_column_text(q, 1);
        char *section = NULL;
        for (char *at = docs; (at = strstr(at, "\n### ")); at++) { /* the heading that names the table */
            char *end = strchr(at + 5, '\n');
            char *heading = tfx_strndup(at, (size_t)(end - at)), *word = tfx_printf("`%s`", table);
            if (strstr(heading, word))
                section = at + 1;
            free(word);
            free(heading);
        }
        ck_assert_msg(section != NULL, "no section for %s", table);
        char *next = strstr(section, "\n### ");
        char *body = next ? tfx_strndup(section, (size_t)(next - section)) : tfx_strdup(section);
        char *word = tfx_printf("`%s`", column);
        ck_assert_msg(strstr(body, word) != NULL, "%s.%s is not explained", table, column);
        free(word);
        free(body);
    }
    ck_assert_uint_gt(n, 150);
    sqlite3_finalize(q);
    sqlite3_close(db);
    free(docs);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("store/views");
    TCase *t = tcase_create("views");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, run_summary);
    tcase_add_test(t, scaling_curve);
    tcase_add_test(t, endpoint);
    tcase_add_test(t, endpoint_of_earlier_versions);
    tcase_add_test(t, ancestors_of_ancestors);
    tcase_add_test(t, ancestors_outside);
    tcase_add_test(t, shared_trunk);
    tcase_add_test(t, cost_to_loss);
    tcase_add_test(t, lineage);
    tcase_add_test(t, listing_does_not_read_metric);
    tcase_add_test(t, sqlite3_shell);
    tcase_add_test(t, documented_queries);
    tcase_add_test(t, documented_columns);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
