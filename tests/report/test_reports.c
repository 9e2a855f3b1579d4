/* The reports on the sample database of tests/store/sample.h. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/report/cost_curve.h"
#include "framework/report/ancestry.h"
#include "framework/report/run_detail.h"
#include "framework/report/run_table.h"
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

/* What a report that takes (..., FILE *out, tfx_error *oops) prints; malloced. */
#define PRINTED(var, call) \
    do { \
        size_t printed_size; \
        FILE *out = open_memstream(&var, &printed_size); \
        OK(call); \
        fclose(out); \
    } while (0)

static void expect(char *printed, const char *expected)
{
    ck_assert_msg(!strcmp(printed, expected), "found\n%s\nexpected\n%s", printed, expected);
    free(printed);
}

static double number(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    ck_assert_msg(cJSON_IsNumber(item), "%s is not a number", key);
    return item->valuedouble;
}

static const char *string(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    ck_assert_msg(cJSON_IsString(item), "%s is not a string", key);
    return item->valuestring;
}

static cJSON *parsed(char *printed)
{
    cJSON *json = cJSON_Parse(printed);
    ck_assert_msg(json != NULL, "not JSON: %s", printed);
    free(printed);
    return json;
}

START_TEST(experiment_table)
{
    char *printed = NULL;
    PRINTED(printed, tfx_report_experiment(s, 1, 0, out, oops));
    expect(
        printed,
        "run  arm     seed  parameters  tokens  FLOPs incl  FLOPs excl  val loss  bits/byte  seconds  status\n"
        "---  ------  ----  ----------  ------  ----------  ----------  --------  ---------  -------  ------\n"
        "  1  large      1       3.00k     300      9.00e4      9.00e4    2.0000     1.0000     30.0  done\n"
        "  2  large      2       3.00k     300      9.00e4      9.00e4    2.2000     1.1000     30.0  done\n"
        "  3  grown      1       3.00k     400      8.00e4      6.00e4    2.0000     1.0000     40.0  done\n"
        "  4  grown      2       3.00k     400      8.00e4      6.00e4    2.1000     1.0500     40.0  done\n"
        "  5  broken     1           -       0           0           0         -          -      0.0  failed\n"
        "run 5 (broken, seed 1) failed: killed by signal 11 (Segmentation fault)\n"
        "\n"
        "arm     val loss  ± seeds  bits/byte  seeds  first size  last size  tokens  FLOPs incl  FLOPs excl   time\n"
        "------  --------  -------  ---------  -----  ----------  ---------  ------  ----------  ----------  -----\n"
        "large     2.1000   0.1414     1.0500      2       3.00k      3.00k     300      9.00e4      9.00e4  30.0s\n"
        "grown     2.0500   0.0707     1.0250      2       1.00k      3.00k     400      8.00e4      6.00e4  40.0s\n"
        "broken         -        -          -      0           -          -       -           -           -      -\n");
    PRINTED(printed, tfx_report_experiment(s, 1, 1, out, oops));
    cJSON *rows = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 5);
    const cJSON *row = cJSON_GetArrayItem(rows, 2);
    ck_assert_str_eq(string(row, "arm"), "grown");
    ck_assert_double_eq(number(row, "flops_incl"), 80000);
    ck_assert_double_eq(number(row, "flops_excl"), 60000);
    ck_assert_double_eq(number(row, "val_loss"), 2);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(rows, 4), "val_loss")));
    cJSON_Delete(rows);
    /* One seed: no table of means. */
    PRINTED(printed, tfx_report_experiment(s, 2, 0, out, oops));
    ck_assert_ptr_null(strstr(printed, "seeds"));
    free(printed);
}
END_TEST

START_TEST(arms)
{
    char *printed = NULL;
    PRINTED(printed, tfx_report_arms(s, 1, 1, out, oops));
    cJSON *rows = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 3);
    const cJSON *grown = cJSON_GetArrayItem(rows, 1), *broken = cJSON_GetArrayItem(rows, 2);
    ck_assert_str_eq(string(grown, "arm"), "grown");
    ck_assert_double_eq_tol(number(grown, "val_loss"), 2.05, 1e-15);
    ck_assert_double_eq_tol(number(grown, "std"), 0.1 / sqrt(2), 1e-15);
    ck_assert_double_eq(number(grown, "first_parameters"), 1000);
    ck_assert_double_eq(number(grown, "flops_excl"), 60000);
    ck_assert_double_eq(number(broken, "done"), 0);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(broken, "val_loss")));
    cJSON_Delete(rows);
    /* With one seed as well. */
    PRINTED(printed, tfx_report_arms(s, 2, 0, out, oops));
    ck_assert_ptr_nonnull(strstr(printed, "± seeds"));
    free(printed);
}
END_TEST

START_TEST(runs)
{
    char *printed = NULL;
    PRINTED(printed, tfx_report_runs(s, NULL, NULL, 0, 1, out, oops));
    cJSON *rows = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 6);
    for (int i = 0; i < 6; i++) /* newest first */
        ck_assert_double_eq(number(cJSON_GetArrayItem(rows, i), "run"), 6 - i);
    cJSON_Delete(rows);
    PRINTED(printed, tfx_report_runs(s, "growth", NULL, 0, 1, out, oops));
    rows = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 5);
    cJSON_Delete(rows);
    PRINTED(printed, tfx_report_runs(s, "2", NULL, 0, 1, out, oops)); /* an id */
    rows = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 1);
    ck_assert_str_eq(string(cJSON_GetArrayItem(rows, 0), "experiment"), "onward");
    cJSON_Delete(rows);
    PRINTED(printed, tfx_report_runs(s, "onward", NULL, 0, 0, out, oops));
    ck_assert_ptr_nonnull(strstr(printed, "6  onward      more     1  running  large"));
    free(printed);

    tfx_error err = {0};
    ck_assert_int_eq(tfx_report_runs(s, "grwth", NULL, 0, 0, stdout, &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "no experiment 'grwth'; did you mean \"growth\"?"));
}
END_TEST

START_TEST(find_experiment)
{
    tfx_id id = 0;
    tfx_store *w = NULL;
    OK(id = tfx_report_find_experiment(s, "growth", oops));
    ck_assert_int_eq(id, 1);
    OK(w = tfx_store_open(path, TFX_STORE_WRITE, oops));
    OK(tfx_store_add_experiment(w, "growth", NULL, NULL, NULL, "other", oops));
    tfx_store_close(w);
    OK(id = tfx_report_find_experiment(s, "growth", oops)); /* the newest of the name */
    ck_assert_int_eq(id, 3);
    OK(id = tfx_report_find_experiment(s, "1", oops));
    ck_assert_int_eq(id, 1);
    tfx_error err = {0};
    ck_assert_int_eq(tfx_report_find_experiment(s, "99", &err), 0);
    ck_assert_int_eq(err.status, TFX_E_INVALID);
}
END_TEST

START_TEST(curve)
{
    char *printed = NULL;
    static const struct {
        const char *x;
        int including;
        const char *csv;
    } t[] = {
        {"flops", 1, "more,1,6,0,large,80000,2,1\nmore,1,6,0,large,110000,1.5,0.75\n"},
        {"flops", 0, "more,1,6,0,large,0,2,1\nmore,1,6,0,large,30000,1.5,0.75\n"},
        {"tokens", 1, "more,1,6,0,large,400,2,1\nmore,1,6,0,large,500,1.5,0.75\n"},
        {"seconds", 1, "more,1,6,0,large,40,2,1\nmore,1,6,0,large,50,1.5,0.75\n"},
        {"steps", 0, "more,1,6,0,large,0,2,1\nmore,1,6,0,large,10,1.5,0.75\n"},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        PRINTED(printed, tfx_report_curve(s, 2, t[i].x, t[i].including, TFX_FORMAT_CSV, out, oops));
        char *head = tfx_printf("arm,seed,run,stage,model,%s_%s,val_loss,bits_per_byte\n%s", t[i].x,
                                t[i].including ? "incl" : "excl", t[i].csv);
        expect(printed, head);
        free(head);
    }
    PRINTED(printed, tfx_report_curve(s, 1, "flops", 1, TFX_FORMAT_TEXT, out, oops));
    ck_assert_ptr_nonnull(strstr(printed, "grown     1    3      1  large      5.00e4    2.5000     1.2500\n"));
    ck_assert_ptr_nonnull(strstr(printed, "\na = large, b = grown\n"));
    ck_assert_ptr_nonnull(strstr(printed, "   2.0000 |"));
    free(printed);
    PRINTED(printed, tfx_report_curve(s, 1, "flops", 1, TFX_FORMAT_JSON, out, oops));
    cJSON *rows = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 20);
    cJSON_Delete(rows);

    tfx_error err = {0};
    ck_assert_int_eq(tfx_report_curve(s, 1, "flop", 1, TFX_FORMAT_TEXT, stdout, &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "no axis 'flop'; did you mean \"flops\"?"));
}
END_TEST

START_TEST(lineage_text)
{
    char *printed = NULL;
    PRINTED(printed, tfx_report_lineage(s, 5, 0, out, oops));
    expect(printed, "run 3: growth / grown, seed 1\n"
                    "* checkpoint 3: step 10, 100 tokens, 1.00e4 FLOPs, val loss 3.5000\n"
                    "|   small (1.00k parameters), stage 0, periodic\n"
                    "|   runs/3/step-000010-periodic\n"
                    "* checkpoint 4: step 20, 200 tokens, 2.00e4 FLOPs, val loss 3.0000\n"
                    "|   small (1.00k parameters), stage 0, stage_end\n"
                    "|   runs/3/step-000020-stage_end\n"
                    "|\n"
                    "+-- grows: small -> large by schedule, 1.00k -> 3.00k parameters (990 carried over)\n"
                    "|   probe: loss 3.0000 -> 3.0000 (delta +1.0e-06), max |delta logit| 1.0e-05\n"
                    "|\n"
                    "* checkpoint 5: step 20, 200 tokens, 2.00e4 FLOPs, val loss 3.0000\n"
                    "    large (3.00k parameters), stage 1, grown\n"
                    "    runs/3/step-000020-grown\n");
    /* Across runs. */
    PRINTED(printed, tfx_report_lineage(s, 12, 0, out, oops));
    const char *first = strstr(printed, "run 3: growth / grown"), *second = strstr(printed, "run 6: onward / more");
    ck_assert(first && second && first < second);
    ck_assert_ptr_nonnull(strstr(second, "checkpoint 12"));
    free(printed);
}
END_TEST

/* Checkpoints between which nothing but training happened are counted, not listed. */
START_TEST(lineage_folds_training)
{
    tfx_store *w = NULL;
    tfx_id last = 12;
    char *printed = NULL;
    OK(w = tfx_store_open(path, TFX_STORE_WRITE, oops));
    for (int i = 2; i <= 10; i++) {
        tfx_checkpoint_row row = {6, 7, i * 10, i * 100, i * 1e4, i, "p", "h", 1, 1.5, last, "periodic"};
        OK(last = tfx_store_add_checkpoint(w, &row, oops));
    }
    tfx_store_close(w);
    PRINTED(printed, tfx_report_lineage(s, last, 0, out, oops));
    ck_assert_ptr_nonnull(strstr(printed, "* checkpoint 11:"));
    ck_assert_ptr_nonnull(strstr(printed, "... 9 checkpoints of training ...\n* checkpoint 21:"));
    ck_assert_ptr_null(strstr(printed, "* checkpoint 13:"));
    free(printed);
    PRINTED(printed, tfx_report_lineage(s, last, 1, out, oops));
    cJSON *json = parsed(printed);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "checkpoints")), 15);
    cJSON_Delete(json);
}
END_TEST

START_TEST(lineage_json)
{
    char *printed = NULL;
    static const int ids[] = {3, 4, 5, 6, 11, 12};
    PRINTED(printed, tfx_report_lineage(s, 12, 1, out, oops));
    cJSON *json = parsed(printed);
    const cJSON *checkpoints = cJSON_GetObjectItem(json, "checkpoints");
    const cJSON *events = cJSON_GetObjectItem(json, "growth_events");
    ck_assert_int_eq(cJSON_GetArraySize(checkpoints), 6);
    for (int i = 0; i < 6; i++) {
        ck_assert_double_eq(number(cJSON_GetArrayItem(checkpoints, i), "checkpoint"), ids[i]);
        ck_assert_double_eq(number(cJSON_GetArrayItem(checkpoints, i), "distance"), 5 - i);
    }
    ck_assert_int_eq(cJSON_GetArraySize(events), 1);
    const cJSON *e = cJSON_GetArrayItem(events, 0);
    ck_assert_double_eq(number(e, "from_checkpoint"), 4);
    ck_assert_double_eq(number(e, "to_checkpoint"), 5);
    ck_assert_double_eq(number(e, "probe_max_abs_delta_logit"), 1e-6 * 10); /* to the last digit */
    ck_assert_double_eq_tol(number(e, "probe_delta_loss"), 1e-6, 1e-12);
    cJSON_Delete(json);
}
END_TEST

START_TEST(find_checkpoint)
{
    tfx_id id = 0;
    tfx_error err = {0};
    char here[4096];
    OK(id = tfx_report_find_checkpoint(s, "5", oops));
    ck_assert_int_eq(id, 5);
    OK(id = tfx_report_find_checkpoint(s, "runs/3/step-000020-grown", oops)); /* as recorded */
    ck_assert_int_eq(id, 5);
    OK(id = tfx_report_find_checkpoint(s, "runs/3/step-000020-grown//", oops));
    ck_assert_int_eq(id, 5);
    OK(id = tfx_report_find_checkpoint(s, "runs/3/step-000020-grown/model.safetensors", oops));
    ck_assert_int_eq(id, 5);
    /* From elsewhere, absolute and relative; the folder must be there for that. */
    char *all_runs = sample_path(folder, "runs"), *three = sample_path(folder, "runs/3");
    char *grown = sample_path(folder, "runs/3/step-000020-grown");
    ck_assert(!mkdir(all_runs, 0755) && !mkdir(three, 0755) && !mkdir(grown, 0755));
    OK(id = tfx_report_find_checkpoint(s, grown, oops));
    ck_assert_int_eq(id, 5);
    ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
    ck_assert_int_eq(chdir(three), 0);
    OK(id = tfx_report_find_checkpoint(s, "./step-000020-grown", oops));
    ck_assert_int_eq(id, 5);
    ck_assert_int_eq(chdir(here), 0);
    rmdir(grown);
    rmdir(three);
    rmdir(all_runs);
    free(grown);
    free(three);
    free(all_runs);
    ck_assert_int_eq(tfx_report_find_checkpoint(s, "77", &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "no checkpoint 77"));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_report_find_checkpoint(s, "runs/none", &err), 0);
    ck_assert_int_eq(err.status, TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "no checkpoint 'runs/none'"));
}
END_TEST

START_TEST(show_run)
{
    char *printed = NULL;
    static const char *const pieces[] = {
        "Run 3\n",
        "  arm            grown\n",
        "  status         done\n",
        "\nStages\n",
        "    1  large       3.00k       3.00e2          20     20       20       1.05 MB   2.10 MB                4  ",
        "\nLatest metrics\n",
        "val_loss             2.0      1    40     400  8.00e4  40.0s\n",
        "\nCheckpoints\n",
        " 5      1    20     200  2.00e4  20.0s    3.0000  grown      4.10 kB       4  runs/3/step-000020-grown      "
        "0123456789ab\n",
        "\nGrowth events\n",
        " 1    20  small  large  schedule   1.00k  3.00k      990      3.0000  3.0000              1e-05  0.5s  ",
        "\nPlugins\n",
        "adamw       1.0.0    1.0  bb         /plugins/adamw.so\n",
        "\nEnvironment\n",
        "  cpu            a CPU\n",
    };
    PRINTED(printed, tfx_report_run(s, 3, 0, out, oops));
    const char *at = printed;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) { /* in this order */
        at = strstr(at, pieces[i]);
        ck_assert_msg(at != NULL, "'%s' is missing in\n%s", pieces[i], printed);
    }
    free(printed);

    PRINTED(printed, tfx_report_run(s, 3, 1, out, oops));
    cJSON *json = parsed(printed);
    ck_assert_double_eq(number(json, "run"), 3);
    ck_assert_str_eq(string(cJSON_GetObjectItem(json, "train"), "steps"), "20");
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "stages")), 2);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "metrics")), 4);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "checkpoints")), 4);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "plugins")), 2);
    const cJSON *event = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "growth_events"), 0);
    const cJSON *change = cJSON_GetArrayItem(cJSON_GetObjectItem(event, "parameter_changes"), 0);
    ck_assert_str_eq(string(change, "rule"), "zero");
    ck_assert_str_eq(string(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "environment"), "libraries"), "sqlite"),
                     "3.40.1");
    cJSON_Delete(json);

    PRINTED(printed, tfx_report_run_spec(s, 3, out, oops));
    expect(printed, SAMPLE_SPEC);
    tfx_error err = {0};
    ck_assert_int_eq(tfx_report_run(s, 77, 0, stdout, &err), TFX_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "no run 77"));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_report_run_spec(s, 77, stdout, &err), TFX_E_INVALID);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("report/reports");
    TCase *t = tcase_create("reports");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, experiment_table);
    tcase_add_test(t, arms);
    tcase_add_test(t, runs);
    tcase_add_test(t, find_experiment);
    tcase_add_test(t, curve);
    tcase_add_test(t, lineage_text);
    tcase_add_test(t, lineage_folds_training);
    tcase_add_test(t, lineage_json);
    tcase_add_test(t, find_checkpoint);
    tcase_add_test(t, show_run);
    suite_add_tcase(all, t);
    return all;
}

TFX_CHECK_MAIN(suite)
