/* Search: which of several arms that differ in some settings has the lowest loss: the best point of each group. */
#ifndef TFX_ANALYSIS_SEARCH_H
#define TFX_ANALYSIS_SEARCH_H

#include "framework/store/references.h"

/* An arm: a point of a sweep, or one that was not swept. */
typedef struct tfx_point {
    char *arm, *group;
    char *point;                      /* its settings of the sweep as a JSON object; NULL: not swept */
    char *train;                      /* all of [train], as a JSON object; NULL: not recorded */
    char *model, *scaling, *start;    /* the last two may be NULL */
    int64_t n_runs, n_done, n_failed; /* one for each seed; the others have yet to end */
    double loss;                      /* mean over the runs that are done; NaN: there is none */
    char *runs;                       /* their ids: "3, 4" */
} tfx_point;

typedef struct tfx_search {
    tfx_point *points; /* group after group */
    size_t n, cap;
} tfx_search;

/* On error, too, tfx_search_finish. */
tfx_status tfx_search_read(tfx_store *s, tfx_id experiment, tfx_grouping by, tfx_search *out, tfx_error *err);
void tfx_search_finish(tfx_search *s);

/* A group, and who is best in it: of the points without a failed run and with one that is done, the one with the lowest
 * loss. */
typedef struct tfx_best {
    const tfx_point *points; /* of the group */
    size_t n;
    const tfx_point *best, *next; /* NULL: there is none */
    size_t n_tried;               /* points whose runs have all ended, well or not */
    size_t n_failed;              /* points with a failed run */
} tfx_best;

/* The group that starts with that point; the next one starts `n` points later. */
tfx_best tfx_search_best(const tfx_search *s, size_t first);

int tfx_point_is_open(const tfx_point *p); /* a run has not ended, and none failed */

/* Whether the best point has the lowest (-1) or highest (1) number of those that were tried of a key of the sweep; 0: neither, or
 * there is only one, or they are no numbers. */
int tfx_best_edge(const tfx_best *b, const char *key);

/* The value of "best:EXPERIMENT.ARM.KEY": KEY of the best point of ARM, which is swept or not, in the newest experiment of that
 * name. Messages say what to run where the search is not over. See tfx_lookup.find for *out. */
tfx_status tfx_search_value(tfx_store *s, const char *expression, tfx_taken *out, tfx_error *err);

#endif
