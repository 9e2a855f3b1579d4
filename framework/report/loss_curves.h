/* Loss curves: the evaluations of an experiment in memory, for figures: each run of each arm, and the mean over the
 * seeds, thinned to what a figure can show. */
#ifndef TFX_REPORT_LOSS_CURVES_H
#define TFX_REPORT_LOSS_CURVES_H

#include <stddef.h>

#include "framework/analysis/endpoints.h"

typedef enum tfx_side { TFX_SIDE_INCL = 0, TFX_SIDE_EXCL, TFX_SIDES } tfx_side; /* of what ancestors spent */
/* "incl", "excl": as columns of the views end. */
extern const char *const tfx_side_names[TFX_SIDES];

/* One evaluation, or the mean of those of all seeds at one step. */
typedef struct tfx_loss_point {
    int64_t stage, parameters, step;
    double cost[TFX_N_COSTS][TFX_SIDES];
    double loss; /* finite */
} tfx_loss_point;

/* In order of stage and step. */
typedef struct tfx_loss_curve {
    tfx_id run; /* 0: a mean */
    int64_t seed;
    tfx_loss_point *points;
    size_t n, cap;
} tfx_loss_curve;

typedef struct tfx_arm_curves {
    char *arm;
    size_t group;         /* of the arms that one sweep made of one arm: they have one colour and one name */
    tfx_loss_curve *runs; /* those that were evaluated */
    size_t n_runs, cap;
    tfx_loss_curve mean; /* of two runs and more, where all of them were evaluated; otherwise empty */
    size_t n_mean;       /* runs that it is of: those that have come half as far as the furthest */
} tfx_arm_curves;

typedef struct tfx_loss_curves {
    tfx_arm_curves *arms; /* every arm, in the order of the spec */
    size_t n_arms, cap;
    char **groups; /* names of the arms that were swept, and of those that were not */
    size_t n_groups, groups_cap;
    size_t n_evaluations, n_kept; /* before and after thinning, of runs */
} tfx_loss_curves;

/* Reads them; the points of all runs together are thinned to about `budget`. Always finish it. */
tfx_status tfx_loss_curves_load(tfx_store *s, tfx_id experiment, size_t budget, tfx_loss_curves *out, tfx_error *err);
void tfx_loss_curves_finish(tfx_loss_curves *c);

/* The position of an arm; TFX_NO_ARM: it is of another experiment. */
#define TFX_NO_ARM ((size_t)-1)
size_t tfx_loss_curves_arm(const tfx_loss_curves *c, const char *arm);
/* The same of a group. */
size_t tfx_loss_curves_group(const tfx_loss_curves *c, const char *name);

/* Which curve of an arm stands for it: the mean, or the run that has come furthest. NULL: it has no evaluation. */
const tfx_loss_curve *tfx_arm_main_curve(const tfx_arm_curves *arm);

/* Leaves of a curve the first and last point of each stage and, of places that lie as densely in the steps as in their
 * logarithm, the lowest and the highest: about `budget` points. */
void tfx_loss_curve_thin(tfx_loss_curve *c, size_t budget);

#endif
