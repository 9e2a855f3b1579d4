/* A database of many runs: how long the verbs take that read it, and whether a row is written as fast as into a small
 * one. Usage: bench_store PROGRAM [EXPERIMENTS [FOLDER]]; an experiment has 25,000 metric rows, so 400 make ten
 * million and a file of about 1.5 GB. A folder that is named keeps the database for the next call.
 *
 * Each experiment has five runs of 6000 steps, logged every fifth step and evaluated every sixtieth: three from scratch,
 * one that grows in its middle, and one that starts from the first one's middle. Numbers that SQL can make are enough. */
#include <fcntl.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/store/store.h"
#include "tests/bench/median.h"

extern char **environ;

enum { REPEATS = 7, ROWS = 1000, ROWS_PER_TRANSACTION = 100 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void stop_on(const tfx_error *err)
{
    if (err->status == TFX_OK)
        return;
    fprintf(stderr, "bench_store: %s\n", err->text);
    exit(1);
}

/* ---- the database ---- */

/* Runs 5k + 1 .. 5k + 5 are those of experiment k + 1; run r has stage r, and a grown one stage r + N_RUNS too. Ids of
 * checkpoints are 8r + 1 .. 8r + 8. */
static const char fill[] =
    "CREATE TEMP TABLE n AS WITH RECURSIVE i (x) AS (VALUES (0) UNION ALL SELECT x + 1 FROM i WHERE x < 9999) SELECT x "
    "FROM "
    "i; CREATE UNIQUE INDEX temp.n_x ON n (x);"
    "INSERT INTO spec VALUES ('0', '[experiment]');"
    "INSERT INTO environment VALUES (1, '0', '1', NULL, 'h', 'o', 'c', 2, 1, 'b', NULL);"
    "INSERT INTO experiment (id, name, spec, created) SELECT x + 1, 'e' || (x + 1), '0', '2025-01-01T00:00:00.000Z' "
    "FROM n "
    "WHERE x < $EXPERIMENTS;"
    "INSERT INTO arm (id, experiment, name, model, start) SELECT x + 1, x / 5 + 1, 'arm' || (x % 5), 'm', iif(x % 5 = "
    "4, "
    "'arm:arm0@step:3000', NULL) FROM n WHERE x < 5 * $EXPERIMENTS;"
    "INSERT INTO run (id, arm, seed, status, directory, environment, host, pid, created, started, ended) SELECT x + 1, "
    "x + 1, "
    "1, iif(x + 1 = 5 * $EXPERIMENTS, 'running', 'done'), 'runs/e/' || (x + 1), 1, 'h', 1, '2025', '2025', '2026' FROM "
    "n "
    "WHERE x < 5 * $EXPERIMENTS;"
    "INSERT INTO stage (id, run, number, model, parameters, flops_per_token, first_step, planned_steps, steps, "
    "started, "
    "peak_lr, last_lr) SELECT id, id, 0, 'm', 1000, 6000, 0, 6000, iif(id % 5 = 4, 3000, 6000), '2025', 1e-3, 1e-4 "
    "FROM run;"
    "INSERT INTO stage (id, run, number, model, parameters, flops_per_token, first_step, planned_steps, steps, "
    "started, "
    "peak_lr, last_lr) SELECT id + 5 * $EXPERIMENTS, id, 1, 'l', 2000, 12000, 3000, 3000, 3000, '2025', 1e-3, 1e-4 "
    "FROM run "
    "WHERE id % 5 = 4;"
    "INSERT INTO checkpoint (id, run, stage, step, tokens, flops, seconds, path, hash, bytes, val_loss, parent, "
    "reason, "
    "created, deleted) SELECT 8 * r.id + x, r.id, iif(r.id % 5 = 4 AND x > 4, r.id + 5 * $EXPERIMENTS, r.id), 750 * x, "
    "75000 "
    "* x, 4.5e8 * x, x, r.directory || '/' || x, 'h', 1000, 5.0 / x, iif(x > 1, 8 * r.id + x - 1, iif(r.id % 5 = 0, "
    "8 * (r.id - 4) + 4, NULL)), iif(x = 8, 'final', iif(x = 4 AND r.id % 5 = 4, 'stage_end', 'periodic')), '2025', "
    "iif(x IN (4, 8), NULL, '2025') FROM run r, n WHERE x BETWEEN 1 AND 8 ORDER BY 1;"
    "INSERT INTO lineage_edge (child, parent) SELECT id, parent FROM checkpoint WHERE parent IS NOT NULL;"
    "UPDATE stage SET parent_checkpoint = 8 * (run - 4) + 4 WHERE run % 5 = 0;"
    "UPDATE stage SET parent_checkpoint = 8 * run + 4 WHERE number = 1;"
    "INSERT INTO growth_event (run, from_checkpoint, to_checkpoint, step, from_model, to_model, policy, "
    "parameters_before, "
    "parameters_after, carried_parameters, created) SELECT id, 8 * id + 4, 8 * id + 5, 3000, 'm', 'l', 'schedule', "
    "1000, "
    "2000, 1000, '2025' FROM run WHERE id % 5 = 4;"
    "UPDATE lineage_edge SET growth_event = (SELECT id FROM growth_event WHERE to_checkpoint = child) WHERE parent IN "
    "(SELECT "
    "from_checkpoint FROM growth_event);"
    "INSERT INTO metric (run, stage, name, step, tokens, flops, seconds, value) SELECT r.id, iif(r.id % 5 = 4 AND x >= "
    "600, "
    "r.id + 5 * $EXPERIMENTS, r.id), k.name, 5 * (x + 1), 500 * (x + 1), 3e6 * (x + 1), x * 0.1, 5.0 / (x + 1) FROM "
    "run r, n, "
    "(SELECT 'train_loss' AS name, 1 AS every UNION ALL SELECT 'lr', 1 UNION ALL SELECT 'grad_norm', 1 UNION ALL "
    "SELECT "
    "'tokens_per_second', 1 UNION ALL SELECT 'val_loss', 12 UNION ALL SELECT 'val_bpb', 12) k WHERE x < 1200 AND "
    "(x + 1) % k.every = 0 ORDER BY r.id, x;"
    "INSERT INTO metric_latest (run, name, stage, step, tokens, flops, seconds, value) SELECT run, name, stage, step, "
    "tokens, "
    "flops, seconds, value FROM metric WHERE step = 6000;";

static void fill_database(const char *path, const char *experiments)
{
    tfx_error err = {0};
    tfx_store_close(tfx_store_open(path, TFX_STORE_WRITE, &err));
    stop_on(&err);
    sqlite3 *db = NULL;
    char *sql = tfx_strdup(""), *message = NULL;
    for (const char *at = fill, *mark; *at; at = mark + (*mark ? strlen("$EXPERIMENTS") : 0)) {
        mark = strstr(at, "$EXPERIMENTS");
        mark = mark ? mark : at + strlen(at);
        char *longer = tfx_printf("%s%.*s%s", sql, (int)(mark - at), at, *mark ? experiments : "");
        free(sql);
        sql = longer;
    }
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN", NULL, NULL, &message) !=
            SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK ||
        sqlite3_exec(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "bench_store: %s\n", message ? message : sqlite3_errmsg(db));
        exit(1);
    }
    sqlite3_close(db);
    free(sql);
}

/* ---- what is measured ---- */

typedef struct cost {
    double wall, cpu; /* milliseconds; the machine may be shared */
} cost;

static double milliseconds(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec * 1e-3;
}

static cost run_program(char **argv)
{
    struct rusage used;
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    double started = now();
    if (posix_spawn(&pid, argv[0], &quiet, NULL, argv, environ) || wait4(pid, &status, 0, &used) < 0 || status) {
        fprintf(stderr, "bench_store: %s %s failed\n", argv[0], argv[1]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&quiet);
    return (cost){now() - started, milliseconds(used.ru_utime) + milliseconds(used.ru_stime)};
}

static void measure_reading(char *program, char *db, long experiments)
{
    char middle[32], run[32], checkpoint[32], view[160], loss[160];
    snprintf(middle, sizeof(middle), "e%ld", experiments / 2 + 1);
    snprintf(run, sizeof(run), "%ld", experiments / 2 * 5 + 4);
    snprintf(checkpoint, sizeof(checkpoint), "%ld", (experiments / 2 * 5 + 5) * 8 + 8);
    snprintf(view, sizeof(view), "SELECT * FROM endpoint WHERE experiment_id = %ld", experiments / 2 + 1);
    snprintf(loss, sizeof(loss), "SELECT * FROM cost_to_loss WHERE experiment_id = %ld", experiments / 2 + 1);
    char *calls[][9] = {
        {program, "--version"}, /* what starting costs */
        {program, "runs", "--db", db},
        {program, "runs", "--experiment", middle, "--db", db},
        {program, "show", run, "--db", db},
        {program, "curve", middle, "--db", db},
        {program, "lineage", checkpoint, "--db", db},
        {program, "sql", view, "--db", db},
        {program, "sql", loss, "--db", db},
        {program, "sql", "SELECT * FROM endpoint", "--db", db},
    };
    enum { N = sizeof(calls) / sizeof(*calls) };
    double wall[N][REPEATS], cpu[N][REPEATS];
    for (int k = 0; k < REPEATS; k++)
        for (int i = 0; i < N; i++) {
            cost c = run_program(calls[i]);
            wall[i][k] = c.wall;
            cpu[i][k] = c.cpu;
        }
    for (int i = 0; i < N; i++) {
        printf("%8.1f ms, %8.1f of CPU: tfx", median(wall[i], REPEATS), median(cpu[i], REPEATS));
        for (int k = 1; calls[i][k] && strcmp(calls[i][k], "--db"); k++)
            printf(" %s", calls[i][k]);
        printf("\n");
    }
}

/* Milliseconds for ROWS more rows of a run, as a run writes them. */
static double insert(tfx_store *s, tfx_id run, int round)
{
    tfx_error err = {0};
    double started = now();
    for (int i = 0; i < ROWS; i++) {
        int64_t step = 6000 + 5 * (int64_t)(round * ROWS + i + 1);
        tfx_metric_row row = {run, run, step, 100 * step, 6e5 * (double)step, (double)step, "train_loss", 2.5};
        if (i % ROWS_PER_TRANSACTION == 0)
            tfx_store_begin(s, &err);
        tfx_store_add_metric(s, &row, &err);
        if ((i + 1) % ROWS_PER_TRANSACTION == 0)
            tfx_store_commit(s, &err);
    }
    stop_on(&err);
    return now() - started;
}

static void measure_writing(const char *small, const char *large, long experiments)
{
    tfx_error err = {0};
    tfx_store *s[2] = {tfx_store_open(small, TFX_STORE_WRITE, &err), tfx_store_open(large, TFX_STORE_WRITE, &err)};
    stop_on(&err);
    double ms[2][REPEATS], ratio[REPEATS];
    insert(s[0], 5, REPEATS);
    insert(s[1], 5 * experiments, REPEATS);
    for (int k = 0; k < REPEATS; k++) {
        for (int i = 0; i < 2; i++) { /* in turn, each first as often as the other */
            int which = (i + k) % 2;
            ms[which][k] = insert(s[which], which ? 5 * experiments : 5, k);
        }
        ratio[k] = ms[1][k] / ms[0][k];
    }
    printf("%8.1f ms  %d rows into a database of one experiment\n", median(ms[0], REPEATS), ROWS);
    printf("%8.1f ms  into this one; ratio %.2f\n", median(ms[1], REPEATS), median(ratio, REPEATS));
    tfx_store_close(s[0]);
    tfx_store_close(s[1]);
}

int main(int argc, char **argv)
{
    long experiments = argc > 2 ? atol(argv[2]) : 40;
    if (argc < 2 || experiments < 1 || experiments > 1999) {
        fprintf(stderr, "usage: bench_store PROGRAM [EXPERIMENTS [FOLDER]]\n");
        return 2;
    }
    char made[] = "/tmp/tfx-bench-XXXXXX", count[32];
    const char *folder = argc > 3 ? argv[3] : mkdtemp(made);
    char *large = tfx_printf("%s/large.db", folder), *small = tfx_printf("%s/small.db", folder);
    snprintf(count, sizeof(count), "%ld", experiments);
    double started = now();
    if (access(large, F_OK))
        fill_database(large, count);
    fill_database(small, "1");
    printf("%ld metric rows, made in %.0f s\n", 25000 * experiments, (now() - started) / 1e3);
    measure_reading(argv[1], large, experiments);
    measure_writing(small, large, experiments);
    remove(small);
    if (argc < 4) {
        remove(large);
        rmdir(folder);
    }
    free(large);
    free(small);
    return 0;
}
