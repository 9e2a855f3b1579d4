/* The table of a model's axes, and the words in it. */
#ifndef TFX_PLAN_AXES_TEXT_H
#define TFX_PLAN_AXES_TEXT_H

#include <stdio.h>

#include "framework/graph/axes.h"
#include "framework/spec/tree.h"

/* By bit: those of TFX_AXIS_LAYER_NORM to SOFTMAX, and of TFX_AXIS_PRODUCED to GAIN. */
#define TFX_N_AXIS_NORMS 4
#define TFX_N_AXIS_ROLES 4
extern const char *const tfx_axis_norm_names[TFX_N_AXIS_NORMS], *const tfx_axis_role_names[TFX_N_AXIS_ROLES];

/* "l2 norm, rotated", and "produced, normalised"; heap. */
char *tfx_axis_class_notes(const tfx_axis_class *c);
char *tfx_axis_member_roles(const tfx_axis_member *m);

/* Classes that are alike in several blocks are one row; so are members. */
void tfx_axes_print_model(const tfx_model *m, const tfx_state_layout *state, const tfx_axes *a, FILE *out);

#endif
