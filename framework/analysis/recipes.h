/* Recipes: learning rates, sizes or lengths that were tried, and which of them one would use for what budget.
 *
 * What is chosen for each seed anew is better than any recipe is: of two that are equally good, chance makes one better with
 * each seed. So recipes are chosen by their mean over seeds, and then count with every seed. */
#ifndef TFX_ANALYSIS_RECIPES_H
#define TFX_ANALYSIS_RECIPES_H

#include <stddef.h>
#include <stdint.h>

typedef struct tfx_recipe_point {
    size_t recipe; /* below the number of recipes */
    int64_t seed;
    double cost, loss; /* cost above 0; both finite */
} tfx_recipe_point;

/* Leaves the points of the recipes that lie on the lower convex hull of mean losses over the logarithm of mean costs, as
 * far as the losses fall: of those that cost the same (curve.h) the best one; none that is worse than a cheaper one; and
 * none above the line between a cheaper and a dearer one. A line from such a recipe would make whatever is compared with it look
 * good, and whatever is concluded from the hull's being convex would be wrong. Recipes without all of the seeds that any has do not
 * take part, if there are others. Returns how many points are left, in the order of recipes and seeds. */
size_t tfx_recipes_choose(tfx_recipe_point *points, size_t n, size_t n_recipes);

#endif
