/* Axis names: what people call the classes of axes (framework/graph/axes.h), by the layers that have them.
 *
 * In this order, the first that no other class has:
 *   residual                  the residual stream (residual.0, residual.1, ... where it is a product)
 *   vocab                     the rows of the embedding's table
 *   blocks.3.ffn.hidden       the deepest layer that all members are in, or the nearest layer around it, with an
 *                             integer option of the class's size, and that option; or, when there is
 *                             none, the only integer option of that deepest layer if it is 0: left to the layer
 *   blocks.3.mixer.head_dim   the next factor inward from one that is named so: its name without s, and _dim; or from
 *                             one of size 1, which has no class: the only integer option that is 1 of the
 *                             deepest layer, if that has layers in it
 *   blocks.3.ffn.weight[1]    the first member; [1.0] is its outermost factor where there are several */
#ifndef TFX_MODEL_AXIS_NAMES_H
#define TFX_MODEL_AXIS_NAMES_H

#include "framework/graph/axes.h"
#include "framework/spec/tree.h"

/* Names all classes. `state` is the layout that the axes are of. */
void tfx_axes_name(tfx_axes *a, const tfx_state_layout *state, const tfx_model *m);

#endif
