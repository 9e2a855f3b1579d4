/* Recipes: learning rates, sizes or lengths that were tried with the same seeds, and which of them one would use.
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

/* Of recipes that cost the same (curve.h), leaves only the points of the best one. Where a cheaper recipe is better than one that
 * is left, its points get the losses of that; with seeds that the cheaper one does not have they go. A recipe is better by
 * its mean loss over the seeds that both have, or where there are none, over its own. Returns how many points are left. */
size_t tfx_recipes_choose(tfx_recipe_point *points, size_t n, size_t n_recipes);

#endif
