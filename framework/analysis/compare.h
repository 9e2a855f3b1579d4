/* Compare: what one set of arms saves against another. For each arm of A: at what cost B comes to the same loss, and what
 * loss B has for the same cost.
 *
 *   speed-up        cost of B at A's loss / cost of A
 *   saved           1 - cost of A / cost of B at A's loss
 *   G_stack         speed-up - 1, the definition of Du et al. 2024 (arXiv 2405.15319) for D in tokens or FLOPs
 *   difference      loss of A - loss of B at A's cost
 *
 * B's losses lie on straight lines in log(cost) between its points (curve.h); nothing is extrapolated. Of its recipes those
 * count that one would use, by the mean of all seeds (recipes.h). Such lines are above what B would come to there, so that A
 * looks better than it is; how much that can be is said, too. */
#ifndef TFX_ANALYSIS_COMPARE_H
#define TFX_ANALYSIS_COMPARE_H

#include "framework/analysis/curve.h"
#include "framework/analysis/endpoints.h"
#include "framework/analysis/estimate.h"
#include "framework/base/text.h"

typedef struct tfx_pair {
    int64_t seed;                       /* of B, and of A where they are paired */
    double loss, cost;                  /* of A: of that seed, or else the means over its seeds */
    tfx_reach reach;                    /* whether B comes to that loss, */
    tfx_on_curve other_cost;            /* and at which cost */
    tfx_on_curve other_loss;            /* of B at A's cost; NaN: it has no points there */
    double best_loss, best_cost;        /* B's lowest loss */
    double dearest_cost;                /* of B's points */
    double beyond;                      /* how far A's loss lies below all of B's, or above its cheapest; NaN: WITHIN */
    double speed_up, saved, difference; /* NaN where they do not exist */
    double least_speed_up, least_saved, most_difference; /* where B is as good as it can be between its points */
    size_t n_points;                                     /* of B */
} tfx_pair;

/* One arm of A; one budget of it, where it has several endpoints with one seed. */
typedef struct tfx_contrast {
    const char *arm; /* of A; the endpoints' */
    size_t n_seeds;  /* of A */
    int paired;
    const char *why; /* not */
    tfx_pair *pairs; /* one for each seed of B that counts */
    size_t n_pairs;
    tfx_estimate loss, cost;                  /* of A over its seeds */
    tfx_estimate speed_up, saved, difference; /* mean NaN: it does not exist for every pair */
    tfx_estimate least_speed_up, least_saved, most_difference;
    double cost_gap, loss_gap; /* the largest of the pairs: tfx_on_curve */
} tfx_contrast;

typedef struct tfx_comparison {
    const char *a, *b; /* the selectors */
    const char *file;  /* that somebody wrote by hand; NULL: endpoints of runs */
    tfx_cost_kind cost;
    int excluding;    /* costs of the last stage alone */
    double same_cost; /* a share by which costs may differ and be equal; 0: TFX_SAME_COST */
    int curve;        /* B's points in the middle of schedules count */
    tfx_contrast *contrasts;
    size_t n;
    tfx_text notes;  /* a line for each thing that was left out; may be empty */
    tfx_text uneven; /* a line for each recipe of B that has not the seeds that others have */
} tfx_comparison;

/* Of endpoints, in which both sets are looked up; those that are not decayed are left out and noted. `curves` has the
 * points of B, with those in the middle of schedules, or is NULL. On error, too, tfx_comparison_finish. */
tfx_status tfx_compare(tfx_comparison *c, const tfx_endpoints *ends, const tfx_endpoints *curves, tfx_error *err);
void tfx_comparison_finish(tfx_comparison *c);

#endif
