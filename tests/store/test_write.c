/* Every function that writes or reads rows, and what a step back to an older checkpoint
 * leaves behind. What was written is asked for with plain SQL. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/store/sample.h"

static char *folder, *path;
static tfx_store *s;

static void set_up(void)
{
    s = sample_open(TFX_STORE_WRITE, &folder, &path);
}

static void tear_down(void)
{
    sample_close(s, folder, path);
}

START_TEST(experiments)
{
    tfx_id a = 0, b = 0, c = 0;
    OK(a = tfx_store_add_experiment(s, "same", NULL, NULL, NULL, "text 'one'", oops));
    OK(b = tfx_store_add_experiment(s, "same", "d", "p.ini", "smoke", "text 'one'", oops));
    OK(c = tfx_store_add_experiment(s, "same", NULL, NULL, NULL, "text two", oops));
    ck_assert(a < b && b < c);
    /* The text is there once. */
    ck_assert_sql(path, "SELECT count(*) FROM spec WHERE text = 'text ''one'''", "1");
    ck_assert_sql(path, "SELECT count(DISTINCT spec) FROM experiment WHERE name = 'same'", "2");
    ck_assert_sql(path,
                  "SELECT description || spec_path || profile FROM experiment WHERE name = 'same' AND "
                  "profile IS NOT NULL",
                  "dp.inismoke");
    tfx_id found = 0;
    OK(found = tfx_store_find_experiment(s, "same", "text 'one'", oops));
    ck_assert_int_eq(found, b);
    OK(found = tfx_store_find_experiment(s, "same", "text three", oops));
    ck_assert_int_eq(found, 0);
    OK(found = tfx_store_newest_experiment(s, "same", oops));
    ck_assert_int_eq(found, c);
    OK(found = tfx_store_newest_experiment(s, "other", oops));
    ck_assert_int_eq(found, 0);
    /* XXH3-128 of the text, as the xxh128sum program prints it (xxhsum 0.8.1). */
    OK(tfx_store_add_experiment(s, "hash", NULL, NULL, NULL, "abc", oops));
    ck_assert_sql(path, "SELECT spec FROM experiment WHERE name = 'hash'", "06b05ab6733a618578af5f94892f3950");
}
END_TEST

START_TEST(arms_and_runs)
{
    tfx_id *ids = NULL;
    size_t n = 0;
    tfx_error err = {0};
    OK(tfx_store_runs_of(s, 1, &ids, &n, oops));
    ck_assert_uint_eq(n, 5);
    for (tfx_id i = 0; i < 5; i++)
        ck_assert_int_eq(ids[i], i + 1);
    free(ids);
    /* A seed added later still comes in order. */
    tfx_id run = 0;
    OK(run = tfx_store_add_run(s, 1, 0, oops));
    OK(tfx_store_runs_of(s, 1, &ids, &n, oops));
    ck_assert_uint_eq(n, 6);
    ck_assert_int_eq(ids[0], run);
    free(ids);
    OK(tfx_store_runs_of(s, 77, &ids, &n, oops));
    ck_assert_uint_eq(n, 0);
    ck_assert_ptr_null(ids);

    ck_assert_int_eq(tfx_store_add_arm(s, 1, "grown", "small", NULL, NULL, NULL, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "recording an arm: UNIQUE"));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_store_add_arm(s, 1, "odd", "small", NULL, NULL, "not json", &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "json_valid"));
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_store_add_run(s, 77, 1, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "recording a run: FOREIGN KEY"));
}
END_TEST

START_TEST(run_life)
{
    tfx_run_info i;
    tfx_id run = 0;
    char host[256] = "";
    OK(run = tfx_store_add_run(s, 2, 9, oops));
    OK(tfx_store_run_info(s, run, &i, oops));
    ck_assert_int_eq(i.status, TFX_RUN_PLANNED);
    ck_assert_ptr_null(i.directory);
    ck_assert_ptr_null(i.host);
    ck_assert_int_eq(i.pid, 0);
    tfx_run_info_finish(&i);

    OK(tfx_store_start_run(s, run, 1, "runs/9", 123, oops));
    OK(tfx_store_run_info(s, run, &i, oops));
    gethostname(host, sizeof(host) - 1);
    ck_assert_int_eq(i.run, run);
    ck_assert_int_eq(i.arm, 2);
    ck_assert_int_eq(i.experiment, 1);
    ck_assert_str_eq(i.arm_name, "grown");
    ck_assert_str_eq(i.experiment_name, "growth");
    ck_assert_str_eq(i.directory, "runs/9");
    ck_assert_str_eq(i.spec, SAMPLE_SPEC);
    ck_assert_ptr_null(i.profile);
    ck_assert_int_eq(i.seed, 9);
    ck_assert_int_eq(i.status, TFX_RUN_RUNNING);
    ck_assert_int_eq(i.pid, 123);
    ck_assert_str_eq(i.host, host);
    tfx_run_info_finish(&i);

    OK(tfx_store_end_run(s, run, TFX_RUN_FAILED, "out of memory", oops));
    ck_assert_sql(path, "SELECT status || ': ' || detail FROM run WHERE seed = 9", "failed: out of memory");
    ck_assert_sql(path, "SELECT ended IS NOT NULL FROM run WHERE seed = 9", "1");
    /* Started again: the first start stays, the failure goes. */
    char *started = sample_ask(path, "SELECT started FROM run WHERE seed = 9");
    OK(tfx_store_start_run(s, run, 1, "runs/9", 124, oops));
    ck_assert_sql(path, "SELECT started FROM run WHERE seed = 9", started);
    free(started);
    ck_assert_sql(path, "SELECT detail IS NULL AND ended IS NULL AND pid = 124 FROM run WHERE seed = 9", "1");
    static const tfx_run_status all[] = {TFX_RUN_PLANNED, TFX_RUN_RUNNING, TFX_RUN_DONE, TFX_RUN_INTERRUPTED,
                                         TFX_RUN_FAILED};
    for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
        OK(tfx_store_end_run(s, run, all[k], NULL, oops));
        OK(tfx_store_run_info(s, run, &i, oops));
        ck_assert_int_eq(i.status, all[k]);
        tfx_run_info_finish(&i);
        ck_assert_sql(path, "SELECT status FROM run WHERE seed = 9", tfx_run_status_name(all[k]));
    }
}
END_TEST

START_TEST(unknown_ids)
{
    tfx_run_info run;
    tfx_checkpoint_info checkpoint;
    struct {
        tfx_error e;
        const char *words;
    } t[6] = {{{0}, "no run 77"},   {{0}, "no run 77"},        {{0}, "no run 77"},
              {{0}, "no stage 77"}, {{0}, "no checkpoint 77"}, {{0}, "no checkpoint 77"}};
    tfx_store_run_info(s, 77, &run, &t[0].e);
    tfx_store_start_run(s, 77, 1, "d", 1, &t[1].e);
    tfx_store_end_run(s, 77, TFX_RUN_DONE, NULL, &t[2].e);
    tfx_store_end_stage(s, 77, &(tfx_stage_end){1, 1, 1e-3, 1e-4}, &t[3].e);
    tfx_store_checkpoint(s, 77, &checkpoint, &t[4].e);
    tfx_store_mark_checkpoint_deleted(s, 77, &t[5].e);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(t[i].e.status, TFX_E_INVALID);
        ck_assert_msg(strstr(t[i].e.text, t[i].words), "%s", t[i].e.text);
    }
}
END_TEST

START_TEST(environments_and_plugins)
{
    tfx_environment v = {"0.1.0",
                         "1.0",
                         NULL,
                         "box",
                         "Linux 6.1",
                         "a CPU",
                         2,
                         1LL << 34,
                         "OpenBLAS, 2 threads",
                         "{\"sqlite\": \"3.40.1\"}"};
    tfx_id same = 0, other = 0;
    OK(same = tfx_store_add_environment(s, &v, oops)); /* the sample's, NULL commit included */
    ck_assert_int_eq(same, 1);
    v.git_commit = "abc";
    OK(other = tfx_store_add_environment(s, &v, oops));
    ck_assert_int_eq(other, 2);
    ck_assert_sql(path, "SELECT git_commit || n_cores || memory_bytes FROM environment WHERE id = 2",
                  "abc217179869184");
    /* Six runs with the same two files. */
    ck_assert_sql(path, "SELECT count(*) FROM plugin", "2");
    ck_assert_sql(path, "SELECT count(*) FROM run_plugin", "12");
    OK(tfx_store_add_run_plugin(s, 1, "adamw", "1.0.0", "1.0", "/plugins/adamw.so", "bb", oops));
    OK(tfx_store_add_run_plugin(s, 1, "adamw", "1.0.0", "1.0", "/plugins/adamw.so", "cc", oops));
    ck_assert_sql(path, "SELECT count(*) FROM plugin", "3");
    ck_assert_sql(path, "SELECT count(*) FROM run_plugin WHERE run = 1", "3");
}
END_TEST

START_TEST(stages)
{
    tfx_stage_row row = {5, 0, "large", 3000, 300.5, 30, 0, 4096, 0, 16, 4, "abc"};
    tfx_id a = 0, b = 0;
    OK(a = tfx_store_add_stage(s, &row, oops));
    OK(b = tfx_store_add_stage(s, &row, oops));
    ck_assert_int_eq(a, b);
    ck_assert_sql(path,
                  "SELECT model || parameters || ' ' || flops_per_token || ' ' || planned_steps || ' ' || "
                  "first_step || ' ' || planned_peak_bytes || (parent_checkpoint IS NULL) || (steps IS NULL) "
                  "FROM stage WHERE run = 5",
                  "large3000 300.5 30 0 409611");
    ck_assert_sql(path,
                  "SELECT context || ' ' || micro_batch || data || (eval_tokens IS NULL) FROM stage WHERE run = 5",
                  "16 4abc1");
    OK(tfx_store_set_evaluated(s, a, 99, "feed", oops));
    ck_assert_sql(path, "SELECT eval_tokens || eval_hash FROM stage WHERE run = 5", "99feed");
    OK(tfx_store_end_stage(s, a, &(tfx_stage_end){28, 8192, 1e-3, NAN}, oops));
    ck_assert_sql(path,
                  "SELECT steps || ' ' || peak_rss_bytes || (ended IS NOT NULL) || ' ' || peak_lr || "
                  "(last_lr IS NULL) FROM stage WHERE run = 5",
                  "28 81921 0.0011");
}
END_TEST

START_TEST(metrics)
{
    sample_metric(s, 6, 7, "val_loss", 20, 60000, (double)NAN);
    ck_assert_sql(path, "SELECT value IS NULL FROM metric WHERE run = 6 AND name = 'val_loss' AND step = 20", "1");
    ck_assert_sql(path, "SELECT value IS NULL AND step = 20 FROM metric_latest WHERE run = 6 AND name = 'val_loss'",
                  "1");
    sample_metric(s, 6, 7, "grad_norm", 20, 60000, (double)INFINITY);
    sample_metric(s, 6, 7, "lr", 20, 60000, (double)-INFINITY);
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE name IN ('grad_norm', 'lr') AND value IS NULL", "2");
    /* An older step does not become the latest; the same step again replaces. */
    sample_metric(s, 6, 7, "lr", 15, 50000, 0.5);
    ck_assert_sql(path, "SELECT step FROM metric_latest WHERE run = 6 AND name = 'lr'", "20");
    sample_metric(s, 6, 7, "lr", 20, 60000, 0.25);
    ck_assert_sql(path, "SELECT value FROM metric_latest WHERE run = 6 AND name = 'lr'", "0.25");
    ck_assert_sql(path, "SELECT group_concat(value) FROM metric WHERE run = 6 AND name = 'lr' AND step = 20", "0.25");
    /* Both sides of a growth event have a row at its step. */
    ck_assert_sql(path, "SELECT group_concat(stage) FROM metric WHERE run = 3 AND name = 'val_loss' AND step = 20",
                  "3,4");
    ck_assert_sql(path,
                  "SELECT tokens || ' ' || flops || ' ' || seconds FROM metric_latest WHERE run = 3 AND "
                  "name = 'val_loss'",
                  "400 80000.0 40.0");

    tfx_error err = {0};
    tfx_metric_row row = {77, 7, 1, 1, 1, 1, "lr", 1};
    ck_assert_int_lt(tfx_store_add_metric(s, &row, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "recording a metric"));
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE run = 77", "0");
}
END_TEST

START_TEST(checkpoints)
{
    tfx_checkpoint_info c, *all = NULL;
    size_t n = 0;
    OK(tfx_store_latest_checkpoint(s, 3, &c, oops));
    ck_assert_int_eq(c.id, 6);
    ck_assert_int_eq(c.run, 3);
    ck_assert_int_eq(c.stage, 4);
    ck_assert_int_eq(c.stage_index, 1);
    ck_assert_int_eq(c.stage_first_step, 20);
    ck_assert_int_eq(c.parent, 5);
    ck_assert_int_eq(c.step, 40);
    ck_assert_int_eq(c.tokens, 400);
    ck_assert_double_eq(c.flops, 80000);
    ck_assert_double_eq(c.seconds, 40);
    ck_assert_double_eq(c.val_loss, 2);
    ck_assert_str_eq(c.path, "runs/3/step-000040-final");
    ck_assert_str_eq(c.hash, "0123456789abcdef0123456789abcdef");
    tfx_checkpoint_info_finish(&c);
    OK(tfx_store_checkpoint_before(s, 3, 40, &c, oops));
    ck_assert_int_eq(c.id, 5);
    tfx_checkpoint_info_finish(&c);
    OK(tfx_store_checkpoint_before(s, 3, 20, &c, oops));
    ck_assert_int_eq(c.id, 3);
    tfx_checkpoint_info_finish(&c);
    /* Without it: of the two at step 20, the one recorded later. */
    static const tfx_id order[] = {6, 5, 4, 3, 0};
    for (int i = 0; i < 5; i++) {
        OK(tfx_store_latest_checkpoint(s, 3, &c, oops));
        ck_assert_int_eq(c.id, order[i]);
        tfx_checkpoint_info_finish(&c);
        if (order[i])
            OK(tfx_store_mark_checkpoint_deleted(s, order[i], oops));
    }
    OK(tfx_store_checkpoint(s, 11, &c, oops));
    ck_assert_int_eq(c.run, 6);
    ck_assert(isnan(c.val_loss));
    tfx_checkpoint_info_finish(&c);

    OK(tfx_store_checkpoints_of(s, 6, "periodic", &all, &n, oops));
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(all[0].id, 11);
    ck_assert_int_eq(all[1].id, 12);
    for (size_t i = 0; i < n; i++)
        tfx_checkpoint_info_finish(&all[i]);
    free(all);
    OK(tfx_store_mark_checkpoint_deleted(s, 11, oops));
    OK(tfx_store_checkpoints_of(s, 6, "periodic", &all, &n, oops));
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(all[0].id, 12);
    tfx_checkpoint_info_finish(&all[0]);
    free(all);
    ck_assert_sql(path, "SELECT count(*) FROM lineage_edge WHERE child = 11", "1"); /* the row stays */

    tfx_error err = {0};
    tfx_checkpoint_row row = {6, 7, 20, 1, 1, 1, "p", "h", 1, 1, 0, "whim"};
    ck_assert_int_eq(tfx_store_add_checkpoint(s, &row, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "recording a checkpoint"));
    /* An unknown parent leaves no half of it. */
    err = (tfx_error){0};
    row.reason = "final";
    row.parent = 77;
    ck_assert_int_eq(tfx_store_add_checkpoint(s, &row, &err), 0);
    ck_assert_sql(path, "SELECT count(*) FROM checkpoint", "12");
}
END_TEST

START_TEST(growth_events)
{
    ck_assert_sql(path,
                  "SELECT from_checkpoint || ' ' || to_checkpoint || ' ' || from_model || ' ' || to_model || "
                  "' ' || policy || ' ' || parameters_before || ' ' || parameters_after || ' ' || "
                  "carried_parameters || ' ' || seconds FROM growth_event WHERE run = 3",
                  "4 5 small large schedule 1000 3000 990 0.5");
    ck_assert_sql(path, "SELECT json_extract(parameter_changes, '$[0].rule') FROM growth_event WHERE run = 3", "zero");
    ck_assert_sql(path,
                  "SELECT probe_loss_before || ' ' || probe_loss_after || ' ' || probe_max_abs_delta_logit "
                  "FROM growth_event WHERE run = 3",
                  "3.0 3.000001 1.0e-05");
    /* One edge for the pair, although the checkpoint had named its parent already. */
    ck_assert_sql(path, "SELECT count(*) FROM lineage_edge WHERE child = 5", "1");
    ck_assert_sql(path, "SELECT growth_event FROM lineage_edge WHERE child = 5", "1");
    ck_assert_sql(path, "SELECT growth_event FROM lineage_edge WHERE child = 6", "NULL");
    /* Also when it had not. */
    tfx_checkpoint_row c = {6, 7, 20, 1, 1, 1, "p", "h", 1, 1, 0, "grown"};
    tfx_id to = 0, event = 0;
    OK(to = tfx_store_add_checkpoint(s, &c, oops));
    tfx_growth_row g = {6,    12, to,   20,   "large",     "huge",      "schedule",       3000, 9000,
                        3000, 0,  NULL, NULL, (double)NAN, (double)NAN, (double)INFINITY, 1};
    g.reason = "the loss falls no more";
    OK(event = tfx_store_add_growth_event(s, &g, oops));
    ck_assert_int_eq(event, 3);
    ck_assert_sql(path, "SELECT reason FROM growth_event WHERE id = 3", "the loss falls no more");
    ck_assert_sql(path, "SELECT reason FROM growth_event WHERE id = 1", "NULL");
    ck_assert_sql(path, "SELECT growth_event FROM lineage_edge WHERE parent = 12", "3");
    ck_assert_sql(path,
                  "SELECT probe_max_abs_delta_logit IS NULL AND probe_loss_after IS NULL FROM growth_event "
                  "WHERE id = 3",
                  "1");
    /* A child older than its parent would make a loop possible. */
    tfx_error err = {0};
    g.from_checkpoint = to;
    g.to_checkpoint = 12;
    ck_assert_int_eq(tfx_store_add_growth_event(s, &g, &err), 0);
    ck_assert_sql(path, "SELECT count(*) FROM growth_event", "3");
}
END_TEST

/* Back to the periodic checkpoint at step 10, in stage 0, of the run that grew at 20. */
START_TEST(supersede)
{
    OK(tfx_store_supersede(s, 3, 10, oops));
    ck_assert_sql(path, "SELECT group_concat(DISTINCT step) FROM metric WHERE run = 3 AND superseded = 0", "0,10");
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE run = 3", "24"); /* 6 evaluations x 4, none removed */
    ck_assert_sql(path, "SELECT group_concat(id) FROM checkpoint WHERE run = 3 AND superseded = 0", "3");
    ck_assert_sql(path, "SELECT count(*) FROM growth_event WHERE run = 3 AND superseded = 0", "0");
    ck_assert_sql(path, "SELECT group_concat(number) FROM stage WHERE run = 3 AND superseded = 0", "0");
    ck_assert_sql(path, "SELECT steps IS NULL AND ended IS NULL FROM stage WHERE run = 3 AND superseded = 0", "1");
    ck_assert_sql(path,
                  "SELECT group_concat(name || ' ' || stage || ' ' || step || ' ' || value) FROM metric_latest "
                  "WHERE run = 3",
                  "tokens_per_second 3 10 10.0,train_loss 3 10 3.6,val_bpb 3 10 1.75,val_loss 3 10 3.5");
    ck_assert_sql(path,
                  "SELECT status || ' ' || model || ' ' || steps || ' ' || flops_incl || ' ' || val_loss FROM "
                  "run_summary WHERE run = 3",
                  "done small 10 10000.0 3.5");
    /* Other runs are untouched. */
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE run <> 3 AND superseded = 1", "0");
    ck_assert_sql(path, "SELECT steps FROM stage WHERE run = 4 AND number = 0", "20");

    /* Going on: the same places again, live this time; a new row for stage 1. */
    sample_metric(s, 3, 3, "val_loss", 20, 20000, 2.9);
    ck_assert_sql(path,
                  "SELECT group_concat(value || ':' || superseded) FROM (SELECT * FROM metric WHERE run = 3 AND "
                  "name = 'val_loss' AND step = 20 AND stage = 3 ORDER BY id)",
                  "3.0:1,2.9:0");
    ck_assert_sql(path, "SELECT value FROM metric_latest WHERE run = 3 AND name = 'val_loss'", "2.9");
    tfx_stage_row row = {3, 1, "large", 3000, 300, 20, 20, 1, 0};
    tfx_id again = 0;
    OK(again = tfx_store_add_stage(s, &row, oops));
    ck_assert_int_gt(again, 7);

    /* A second step back, before everything that was ever recorded. */
    OK(tfx_store_supersede(s, 3, -1, oops));
    ck_assert_sql(path, "SELECT count(*) FROM metric_latest WHERE run = 3", "0");
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE run = 3 AND superseded = 0", "0");
}
END_TEST

/* To the step of the growth event: the event and what it made still count. */
START_TEST(supersede_at_growth)
{
    OK(tfx_store_supersede(s, 3, 20, oops));
    ck_assert_sql(path, "SELECT group_concat(id) FROM checkpoint WHERE run = 3 AND superseded = 0", "3,4,5");
    ck_assert_sql(path, "SELECT count(*) FROM growth_event WHERE run = 3 AND superseded = 0", "1");
    ck_assert_sql(path, "SELECT group_concat(coalesce(steps, '-')) FROM stage WHERE run = 3 AND superseded = 0",
                  "20,-");
    ck_assert_sql(path, "SELECT stage || ' ' || step FROM metric_latest WHERE run = 3 AND name = 'val_loss'", "4 20");
    tfx_checkpoint_info c;
    OK(tfx_store_latest_checkpoint(s, 3, &c, oops));
    ck_assert_int_eq(c.id, 5);
    tfx_checkpoint_info_finish(&c);
}
END_TEST

START_TEST(transactions)
{
    tfx_error err = {0};
    OK(tfx_store_begin(s, oops));
    ck_assert_int_eq(tfx_store_begin(s, &err), TFX_E_INTERNAL);
    sample_metric(s, 6, 7, "lr", 30, 1, 1);
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE name = 'lr'", "0"); /* not yet for others */
    OK(tfx_store_commit(s, oops));
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE name = 'lr'", "1");
    OK(tfx_store_begin(s, oops));
    sample_metric(s, 6, 7, "lr", 31, 1, 1);
    tfx_store_rollback(s);
    tfx_store_rollback(s);
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE name = 'lr'", "1");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_store_commit(s, &err), TFX_E_INTERNAL);
    /* One write that fails undoes itself alone; the group goes on. */
    err = (tfx_error){0};
    OK(tfx_store_begin(s, oops));
    sample_metric(s, 6, 7, "lr", 32, 1, 1);
    tfx_checkpoint_row row = {6, 7, 20, 1, 1, 1, "p", "h", 1, 1, 77, "final"};
    ck_assert_int_eq(tfx_store_add_checkpoint(s, &row, &err), 0);
    /* Here the event itself goes in, and its edge, which would make a loop, does not. */
    tfx_growth_row growth = {3, 5, 4, 20, "a", "b", "p", 1, 2, 1, 1, "why", NULL, 1, 1, 0, 1};
    tfx_error loop = {0};
    ck_assert_int_eq(tfx_store_add_growth_event(s, &growth, &loop), 0);
    OK(tfx_store_commit(s, oops));
    ck_assert_sql(path, "SELECT count(*) FROM growth_event", "2");
    ck_assert_sql(path, "SELECT count(*) FROM metric WHERE name = 'lr'", "2");
    ck_assert_sql(path, "SELECT count(*) FROM checkpoint", "12");
    /* An error that the caller holds already does not stop a record, such as why a run failed. */
    ck_assert_int_ne(err.status, TFX_OK);
    ck_assert_int_eq(tfx_store_end_run(s, 6, TFX_RUN_FAILED, err.text, &err), TFX_OK);
    ck_assert_sql(path, "SELECT status FROM run WHERE id = 6", "failed");
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("store/write");
    TCase *t = tcase_create("write");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, experiments);
    tcase_add_test(t, arms_and_runs);
    tcase_add_test(t, run_life);
    tcase_add_test(t, unknown_ids);
    tcase_add_test(t, environments_and_plugins);
    tcase_add_test(t, stages);
    tcase_add_test(t, metrics);
    tcase_add_test(t, checkpoints);
    tcase_add_test(t, growth_events);
    tcase_add_test(t, supersede);
    tcase_add_test(t, supersede_at_growth);
    tcase_add_test(t, transactions);
    suite_add_tcase(all, t);
    return all;
}

TFX_CHECK_MAIN(suite)
