/* Model view: a model as growth operators see it (tfx/growth.h): its parameters and the classes of their axes. */
#ifndef TFX_MODEL_MODEL_VIEW_H
#define TFX_MODEL_MODEL_VIEW_H

#include "framework/graph/axes.h"
#include "framework/spec/tree.h"
#include "tfx/growth.h"

/* `a` has names (axis_names.h) and is of `state`, which outlives the view. The caller destroys it. */
tfx_model_view *tfx_model_view_create(const tfx_axes *a, const tfx_state_layout *state, const tfx_model *m);
void tfx_model_view_destroy(tfx_model_view *v);

/* The block that a path, or the name of a class, is in, and what follows its number; -1: in none, and *local is all of it. */
int64_t tfx_path_block(const char *path, const char **local);

#endif
