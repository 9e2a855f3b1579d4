/* A small database with numbers that can be worked out by hand, for tests of the store,
 * the views and the reports.
 *
 * 10 tokens per step; a small model costs 100 FLOPs per token, a large one 300; one step
 * takes one second. Experiment 1, "growth":
 *
 *   run  arm    seed  evaluations (step: val loss), bits per byte = val loss / 2
 *   1    large  1     0: 5.0  10: 4.0  20: 3.0  30: 2.0
 *   2    large  2     0: 5.0  10: 4.2  20: 3.1  30: 2.2
 *   3    grown  1     small 0: 5.0  10: 3.5  20: 3.0, then large 20: 3.0  30: 2.5  40: 2.0
 *   4    grown  2     small 0: 5.0  10: 3.6  20: 3.2, then large 20: 3.2  30: 2.6  40: 2.1
 *   5    broken 1     failed before its first step
 *
 * The grown runs have measured slices of a key, which was zero, at step 21 and of a value at 21 and 31.
 *
 * Experiment 2, "onward": run 6, arm "more", seed 1, starts from the last checkpoint of
 * run 3 and is large: 0: 2.0  10: 1.5; it is still running. */
#ifndef TFX_TESTS_STORE_SAMPLE_H
#define TFX_TESTS_STORE_SAMPLE_H

#include "framework/store/store.h"

#define SAMPLE_SPEC "[experiment]\nname = growth\n"

/* A new folder for a test; removed with everything in it by sample_remove. */
char *sample_folder(void);
void sample_remove(char *folder);
char *sample_path(const char *folder, const char *name); /* malloced */

/* Creates the database; fails the test when something does not work. */
void sample_fill(const char *path);

/* The fixture of most tests: such a database in a folder of its own, open. close removes it all. */
tfx_store *sample_open(tfx_store_mode mode, char **folder, char **path);
void sample_close(tfx_store *s, char *folder, char *path);

/* Writes one metric at a step of a run. */
void sample_metric(tfx_store *s, tfx_id run, tfx_id stage, const char *name, int64_t step, double flops, double value);

/* Calls that must not fail; `oops` is their tfx_error. */
#define OK(call) \
    do { \
        tfx_error sample_err = {0}; \
        tfx_error *oops = &sample_err; \
        (void)(call); \
        ck_assert_msg(sample_err.status == TFX_OK, "%s: %s", #call, sample_err.text); \
    } while (0)

/* The first column of the first row, as text ("NULL", "(none)" without a row); malloced.
 * Asked through a connection of its own, not through the store. */
char *sample_ask(const char *path, const char *sql);

/* Executes statements on the file, past all that the store checks. */
void sample_change(const char *path, const char *sql);
#define ck_assert_sql(path, sql, expected) \
    do { \
        char *sample_answer = sample_ask(path, sql); \
        ck_assert_msg(!strcmp(sample_answer, expected), "%s\n  gives    %s\n  expected %s", sql, sample_answer, \
                      expected); \
        free(sample_answer); \
    } while (0)

#endif
