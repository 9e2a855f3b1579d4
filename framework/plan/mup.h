/* muP: initial weights and learning rates of wide models, from those of a narrow one.
 *
 * Yang et al. 2022, "Tensor Programs V" (arXiv 2203.03466), tables 3 and 8: as a model gets wider, its values and the
 * changes of its values by a step stay of one size, and so the best learning rate of a narrow model is about that of a wide one.
 *
 * Which axes of a parameter are summed over and which it produces is known from the graph (framework/graph/axes.h), how
 * many times as wide they are by comparing the parameter with that of the base model. With r_in and r_out for how much larger
 * both are, 1 for a dimension that does not grow:
 *
 *                                    std         lr, step normalised   lr, step of the gradient
 *     r_in = 1: tables, vectors      1           1                     r_out
 *     both grow: hidden              r_in^-1/2   1 / r_in              r_out / r_in
 *     r_out = 1: output              1 / r_in    1 / r_in              1 / r_in
 *
 * The vocabulary, which tokens index, is no width; and a table is one also where a tied head sums over its width. */
#ifndef TFX_PLAN_MUP_H
#define TFX_PLAN_MUP_H

#include "framework/plan/stage.h"

/* Sets `init_scale` and `rate` of each parameter of the stage's model, whose forward pass g has put them into its layout. */
tfx_status tfx_mup_apply(tfx_stage_plan *stage, const tfx_train_config *train, const tfx_registry *registry,
                         const tfx_graph *g, tfx_error *err);

#endif
