/* The sample database: see tests/store/sample.h. */
#include "tests/store/sample.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/store/references.h"

char *sample_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *folder = tfx_printf("%s/tfx-test-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}

void sample_remove(char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char *path = sample_path(folder, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove(path);
        free(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
    free(folder);
}

char *sample_path(const char *folder, const char *name)
{
    return tfx_printf("%s/%s", folder, name);
}

void sample_metric(tfx_store *s, tfx_id run, tfx_id stage, const char *name, int64_t step, double flops, double value)
{
    tfx_metric_row row = {run, stage, step, step * 10, flops, (double)step, name, value};
    OK(tfx_store_add_metric(s, &row, oops));
}

/* Metrics of evaluations at step first, first + 10, ... with `cost` FLOPs per token. */
static void evaluate(tfx_store *s, tfx_id run, tfx_id stage, int64_t first, double flops, double cost,
                     const double *losses, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t step = first + 10 * i;
        double spent = flops + cost * 10 * 10 * i;
        sample_metric(s, run, stage, "train_loss", step, spent, losses[i] + 0.1);
        sample_metric(s, run, stage, "val_loss", step, spent, losses[i]);
        sample_metric(s, run, stage, "val_bpb", step, spent, losses[i] / 2);
        sample_metric(s, run, stage, "tokens_per_second", step, spent, 10);
    }
}

static tfx_id stage(tfx_store *s, tfx_id run, int64_t index, int large, int64_t first_step, int64_t steps,
                    tfx_id parent)
{
    tfx_stage_row row = {
        run,     index, large ? "large" : "small", large ? 3000 : 1000, large ? 300 : 100, steps, first_step,
        1 << 20, parent};
    tfx_id id = 0;
    OK(id = tfx_store_add_stage(s, &row, oops));
    return id;
}

static tfx_id checkpoint(tfx_store *s, tfx_id run, tfx_id in_stage, int64_t step, double flops, double val_loss,
                         tfx_id parent, const char *reason)
{
    char *path = tfx_printf("runs/%d/step-%06d-%s", (int)run, (int)step, reason);
    tfx_checkpoint_row row = {run,   in_stage,     step,   step * 10,
                              flops, (double)step, path,   "0123456789abcdef0123456789abcdef",
                              4096,  val_loss,     parent, reason};
    tfx_id id = 0;
    OK(id = tfx_store_add_checkpoint(s, &row, oops));
    free(path);
    return id;
}

static tfx_id start(tfx_store *s, tfx_id arm, int64_t seed)
{
    static const tfx_environment environment = {"0.1.0",
                                                "1.0",
                                                NULL,
                                                "box",
                                                "Linux 6.1",
                                                "a CPU",
                                                2,
                                                1LL << 34,
                                                "OpenBLAS, 2 threads",
                                                "{\"sqlite\": \"3.40.1\"}"};
    tfx_id run = 0, env = 0;
    OK(run = tfx_store_add_run(s, arm, seed, oops));
    OK(env = tfx_store_add_environment(s, &environment, oops));
    char *directory = tfx_printf("runs/%d", (int)run);
    OK(tfx_store_start_run(s, run, env, directory, 4711, oops));
    free(directory);
    OK(tfx_store_add_run_plugin(s, run, "pattention", "1.0.0", "1.0", "/plugins/pattention.so", "aa", oops));
    OK(tfx_store_add_run_plugin(s, run, "adamw", "1.0.0", "1.0", "/plugins/adamw.so", "bb", oops));
    return run;
}

/* A stage of a schedule that began with 1e-3. */
static void end(tfx_store *s, tfx_id stage, int64_t steps, double last_lr)
{
    OK(tfx_store_end_stage(s, stage, &(tfx_stage_end){steps, 1 << 21, 1e-3, last_lr}, oops));
}

static void run_large(tfx_store *s, tfx_id arm, int64_t seed, const double *losses)
{
    tfx_id run = start(s, arm, seed), st = stage(s, run, 0, 1, 0, 30, 0);
    evaluate(s, run, st, 0, 0, 300, losses, 4);
    checkpoint(s, run, st, 30, 90000, losses[3], 0, "final");
    end(s, st, 30, 1e-4);
    OK(tfx_store_end_run(s, run, TFX_RUN_DONE, NULL, oops));
}

/* Measured at the first step after growth, when new keys are zero, and at the eleventh. */
static void slices(tfx_store *s, tfx_id run, tfx_id large)
{
    static const char key[] = "blocks.0.mixer.q.key", value[] = "blocks.0.mixer.q.value";
    const tfx_slice_row rows[] = {
        {run, large, 21, key, 0, 32, 0.5, 0.01, 4, 0, 0, 0},
        {run, large, 21, key, 1, 64, 0.25, 0.02, 0, 0, 0, 0},
        {run, large, 21, value, 0, 32, 0.5, 0.02, 8, 4, 1, 1},
        {run, large, 21, value, 1, 64, 0, 0, 8, 8, 0, 8},
        {run, large, 31, value, 0, 32, 0.5, 0.02, 8, 4, 0.8, 1},
        {run, large, 31, value, 1, 64, 0.4, 0.04, 8, 8, 0.2, 3},
    };
    OK(tfx_store_add_slices(s, rows, sizeof(rows) / sizeof(*rows), oops));
}

static tfx_id run_grown(tfx_store *s, tfx_id arm, int64_t seed, const double *losses, double delta)
{
    tfx_id run = start(s, arm, seed), small = stage(s, run, 0, 0, 0, 20, 0);
    evaluate(s, run, small, 0, 0, 100, losses, 3);
    tfx_id periodic = checkpoint(s, run, small, 10, 10000, losses[1], 0, "periodic");
    tfx_id from = checkpoint(s, run, small, 20, 20000, losses[2], periodic, "stage_end");
    end(s, small, 20, 5e-4); /* the schedule goes on */
    tfx_id large = stage(s, run, 1, 1, 20, 20, from);
    tfx_id to = checkpoint(s, run, large, 20, 20000, losses[2], from, "grown");
    tfx_growth_row growth = {
        run,
        from,
        to,
        20,
        "small",
        "large",
        "schedule",
        1000,
        3000,
        990,
        1,
        "what is new in slots adds zero",
        "[{\"path\": \"blocks.0.mixer.q.key\", \"from\": [4, 8], \"to\": [12, 8], \"rule\": \"zero\"}]",
        losses[2],
        losses[2] + delta,
        delta * 10,
        0.5};
    OK(tfx_store_add_growth_event(s, &growth, oops));
    evaluate(s, run, large, 20, 20000, 300, losses + 3, 3);
    slices(s, run, large);
    tfx_id last = checkpoint(s, run, large, 40, 80000, losses[5], to, "final");
    end(s, large, 20, 1e-4);
    OK(tfx_store_end_run(s, run, TFX_RUN_DONE, NULL, oops));
    return last;
}

void sample_fill(const char *path)
{
    static const double large[2][4] = {{5, 4, 3, 2}, {5, 4.2, 3.1, 2.2}};
    static const double grown[2][6] = {{5, 3.5, 3, 3, 2.5, 2}, {5, 3.6, 3.2, 3.2, 2.6, 2.1}};
    static const double more[2] = {2, 1.5};
    tfx_store *s = NULL;
    tfx_id e = 0, a = 0, b = 0, c = 0, last = 0;
    OK(s = tfx_store_open(path, TFX_STORE_WRITE, oops));
    OK(e = tfx_store_add_experiment(s, "growth", "grow or start over", "growth.ini", NULL, SAMPLE_SPEC, oops));
    OK(a = tfx_store_add_arm(s, e, "large", "large", NULL, NULL, "{\"steps\": \"30\"}", oops));
    OK(b = tfx_store_add_arm(s, e, "grown", "small", "schedule", NULL, "{\"steps\": \"20\"}", oops));
    OK(c = tfx_store_add_arm(s, e, "broken", "large", NULL, NULL, "{\"steps\": \"30\"}", oops));
    const tfx_taken taken = {.expression = (char[]){"best:search.large.train.lr"},
                             .value = (char[]){"2e-3"},
                             .experiment = 7, /* removed since */
                             .arm = (char[]){"large[lr=2e-3]"},
                             .runs = (char[]){"40, 41"},
                             .loss = 2.5,
                             .points = 4,
                             .seeds = 2};
    OK(tfx_store_add_reference(s, e, &taken, oops) == TFX_OK);
    run_large(s, a, 1, large[0]);
    run_large(s, a, 2, large[1]);
    last = run_grown(s, b, 1, grown[0], 1e-6);
    run_grown(s, b, 2, grown[1], 2e-6);
    OK(tfx_store_end_run(s, start(s, c, 1), TFX_RUN_FAILED, "killed by signal 11 (Segmentation fault)", oops));

    OK(e = tfx_store_add_experiment(s, "onward", NULL, "onward.ini", "smoke", "[experiment]\nname = onward\n", oops));
    OK(a = tfx_store_add_arm(s, e, "more", "large", NULL, "run:3@end", NULL, oops));
    tfx_id run = start(s, a, 1), st = stage(s, run, 0, 1, 0, 20, last);
    tfx_id first = checkpoint(s, run, st, 0, 0, NAN, last, "periodic");
    evaluate(s, run, st, 0, 0, 300, more, 2);
    checkpoint(s, run, st, 10, 30000, 1.5, first, "periodic");
    tfx_store_close(s);
}

char *sample_ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 60000);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    int rc = sqlite3_step(q);
    ck_assert_msg(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s: %s", sql, sqlite3_errmsg(db));
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : "(none)";
    char *answer = tfx_strdup(text ? text : "NULL");
    sqlite3_finalize(q);
    sqlite3_close(db);
    return answer;
}

tfx_store *sample_open(tfx_store_mode mode, char **folder, char **path)
{
    tfx_store *s = NULL;
    *folder = sample_folder();
    *path = sample_path(*folder, "tfx.db");
    sample_fill(*path);
    OK(s = tfx_store_open(*path, mode, oops));
    return s;
}

void sample_close(tfx_store *s, char *folder, char *path)
{
    tfx_store_close(s);
    free(path);
    sample_remove(folder);
}

void sample_change(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s", message);
    sqlite3_close(db);
}
