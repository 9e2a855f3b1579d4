/* Several processes on one file: nobody is told that the database is locked, and what a
 * killed process had committed is there.
 *
 * Children are forked before this process has opened any database: SQLite connections do
 * not survive a fork. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/store/sample.h"

#define N_WRITERS 3
#define N_STEPS 400

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

/* Ends the child with a message instead of an assertion: Check's own belongs to the parent. */
static void must(const tfx_error *err)
{
    if (err->status == TFX_OK)
        return;
    fprintf(stderr, "writer %d: %s\n", (int)getpid(), err->text);
    _exit(1);
}

/* An experiment, a run and its first stage, as `tfx run` makes them. */
static void begin_run(tfx_store *s, const char *name, tfx_id *run, tfx_id *stage)
{
    tfx_error err = {0};
    tfx_id e = tfx_store_add_experiment(s, name, NULL, NULL, NULL, "the same text", &err);
    must(&err);
    tfx_id a = tfx_store_add_arm(s, e, "arm", "model", NULL, NULL, NULL, &err);
    must(&err);
    *run = tfx_store_add_run(s, a, 1, &err);
    must(&err);
    tfx_stage_row row = {*run, 0, "model", 10, 1, N_STEPS, 0, 0, 0};
    *stage = tfx_store_add_stage(s, &row, &err);
    must(&err);
}

/* Two metrics per step, in one transaction. */
static void write_step(tfx_store *s, tfx_id run, tfx_id stage, int64_t step)
{
    tfx_error err = {0};
    tfx_metric_row row = {run, stage, step, step, (double)step, (double)step, "train_loss", 1};
    tfx_store_begin(s, &err);
    must(&err);
    tfx_store_add_metric(s, &row, &err);
    must(&err);
    row.name = "lr";
    tfx_store_add_metric(s, &row, &err);
    must(&err);
    tfx_store_commit(s, &err);
    must(&err);
}

static pid_t start_writer(int number)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    tfx_error err = {0};
    char name[32];
    snprintf(name, sizeof(name), "writer %d", number);
    tfx_store *s = tfx_store_open(path, TFX_STORE_WRITE, &err); /* all create the file at once */
    must(&err);
    tfx_id run = 0, stage = 0;
    begin_run(s, name, &run, &stage);
    for (int i = 0; i < N_STEPS; i++) {
        if (i % 50 == 49) { /* connections come and go, and the last one tidies up */
            tfx_store_close(s);
            s = tfx_store_open(path, TFX_STORE_WRITE, &err);
            must(&err);
        }
        write_step(s, run, stage, i);
    }
    tfx_store_close(s);
    _exit(0);
}

START_TEST(writers_at_once)
{
    pid_t pids[N_WRITERS + 1];
    for (int i = 0; i < N_WRITERS; i++)
        pids[i] = start_writer(i);
    /* A reader beside them. */
    pids[N_WRITERS] = fork();
    if (pids[N_WRITERS] == 0) {
        for (int i = 0; i < 100; i++) {
            tfx_error err = {0};
            tfx_store *s = tfx_store_open(path, TFX_STORE_READ, &err);
            if (s) {
                tfx_id *ids;
                size_t n;
                tfx_store_runs_of(s, 1, &ids, &n, &err);
                must(&err);
                free(ids);
            } else if (err.status != TFX_E_INVALID && err.status != TFX_E_DATA)
                must(&err); /* not there or empty yet is fine, anything else is not */
            tfx_store_close(s);
            usleep(2000);
        }
        _exit(0);
    }
    for (int i = 0; i <= N_WRITERS; i++) {
        int status = 0;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d failed", i);
    }
    ck_assert_sql(path, "PRAGMA integrity_check", "ok");
    ck_assert_sql(path, "SELECT count(*) FROM experiment", "3");
    ck_assert_sql(path, "SELECT count(*) FROM spec", "1");
    ck_assert_sql(path, "SELECT count(*) FROM metric", "2400"); /* 3 writers x 400 steps x 2 */
    ck_assert_sql(path, "SELECT count(*) FROM metric_latest WHERE step = 399", "6");
}
END_TEST

/* Kills the writer in the middle of its work, after it has said that step `enough` is
 * committed; returns the last step that it said. */
static int64_t kill_writer(int64_t enough)
{
    int ends[2];
    int64_t step = -1, last = -1;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        tfx_error err = {0};
        close(ends[0]);
        tfx_store *s = tfx_store_open(path, TFX_STORE_WRITE, &err);
        must(&err);
        tfx_id run = 0, stage = 0;
        begin_run(s, "victim", &run, &stage);
        for (step = 0;; step++) {
            write_step(s, run, stage, step);
            if (write(ends[1], &step, sizeof(step)) != sizeof(step))
                _exit(1);
        }
    }
    close(ends[1]);
    while (last < enough && read(ends[0], &step, sizeof(step)) == sizeof(step))
        last = step;
    ck_assert_int_ge(last, enough);
    kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ends[0], &step, sizeof(step)) == sizeof(step)) /* said before it died */
        last = step;
    close(ends[0]);
    return last;
}

START_TEST(killed_writer)
{
    for (int round = 0; round < 4; round++) {
        int64_t last = kill_writer(10 + 17 * round);
        char sql[200], expected[32];
        /* A reader comes first: it must see the log that the dead process left. */
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM metric WHERE run = %d AND step <= %lld", round + 1,
                 (long long)last);
        snprintf(expected, sizeof(expected), "%lld", 2 * (long long)(last + 1));
        ck_assert_sql(path, sql, expected);
        ck_assert_sql(path, "PRAGMA integrity_check", "ok");
        /* Of the step it died in, all or nothing. */
        ck_assert_sql(path,
                      "SELECT count(*) FROM (SELECT run, step FROM metric GROUP BY run, step HAVING "
                      "count(*) <> 2)",
                      "0");
        snprintf(sql, sizeof(sql),
                 "SELECT (SELECT max(step) FROM metric WHERE run = %d) = (SELECT max(step) FROM "
                 "metric_latest WHERE run = %d)",
                 round + 1, round + 1);
        ck_assert_sql(path, sql, "1");
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("store/processes");
    TCase *t = tcase_create("processes");
    tcase_set_timeout(t, 200);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, writers_at_once);
    tcase_add_test(t, killed_writer);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
