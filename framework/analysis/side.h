/* Side: the endpoints on one side of a comparison. */
#ifndef TFX_ANALYSIS_SIDE_H
#define TFX_ANALYSIS_SIDE_H

#include "framework/analysis/compare.h"
#include "framework/analysis/recipes.h"

typedef struct tfx_side {
    const char *selector;
    const tfx_endpoint **items; /* those that count, in the order of arms, as they appear first, seeds, costs */
    size_t n, cap, n_undecayed;
    size_t *rank, *of; /* per item: how many of its arm with its seed come before it, and how many there are */
    /* Of B, once they are chosen: */
    tfx_recipe_point *points; /* of the recipes that count */
    size_t n_points;
    int64_t *seeds; /* of these */
    size_t n_seeds;
} tfx_side;

double tfx_side_cost(const tfx_comparison *c, const tfx_endpoint *e);
int tfx_same_arm(const tfx_endpoint *a, const tfx_endpoint *b);

/* Takes what s->selector names; decayed ends alone, unless `undecayed_too`. What is left out goes into the comparison's
 * notes. On error, too, tfx_side_finish. */
tfx_status tfx_side_take(tfx_comparison *c, tfx_side *s, const tfx_endpoints *all, int undecayed_too, tfx_error *err);
/* Which budgets of an arm belong together is known where each seed has as many. */
tfx_status tfx_side_check_budgets(const tfx_side *s, tfx_error *err);
/* Makes B's points (recipes.h). In tables, and where all evaluations count, each budget of an arm is a recipe of its own. */
tfx_status tfx_side_choose(tfx_comparison *c, tfx_side *b, tfx_error *err);
/* Whether one of B's points has that seed. */
int tfx_side_has_seed(const tfx_side *b, int64_t seed);
/* B's points with this seed, by cost; malloced. */
tfx_curve_point *tfx_side_points(const tfx_side *b, int64_t seed, size_t *n);
void tfx_side_finish(tfx_side *s);

#endif
