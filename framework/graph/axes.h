/* Axes: which axes of which parameters are one dimension of the model, found in the graph of its forward pass.
 *
 * No layer says anything about this. A product, an addition or a norm forces sizes to be equal; a reshape
 * makes a dimension a product of others (a width is heads times head_dim). What comes out is a list of
 * classes, and each axis of each parameter as an ordered product of classes, outermost first: element e of an
 * axis [heads, head_dim] is head e / head_dim. An axis of size 1 is a product of none.
 *
 * Roles, of which an axis can have several: PRODUCED, it becomes a dimension of what the model computes (a free axis
 * of a product, an added bias, a factor that is multiplied in, the columns of a table); CONSUMED, it is summed
 * over or indexed. To grow a class is to add elements to every member; who duplicates one divides it where
 * it is consumed. NORMALISED says more of an axis that is produced: its elements go into a norm over this class, and
 * whatever one of them is multiplied by, so is what the norm sees in its place. GAIN: values are multiplied by it. */
#ifndef TFX_GRAPH_AXES_H
#define TFX_GRAPH_AXES_H

#include "framework/graph/graph.h"
#include "tfx/growth.h"

/* One factor of one axis of one parameter. */
typedef struct tfx_axis_member {
    uint32_t param;        /* index in tfx_axes.params */
    uint32_t axis, factor; /* factor 0 is the outermost */
    uint32_t cls;          /* index in tfx_axes.classes */
    uint32_t roles;        /* TFX_AXIS_PRODUCED ...; 0: not used at all */
} tfx_axis_member;

typedef struct tfx_axis_class {
    char *name; /* NULL until given one (framework/model/axis_names.h); owned */
    int64_t size;
    uint32_t marks;                  /* TFX_AXIS_LAYER_NORM ... */
    const char *rigid;               /* why its size cannot change; NULL: it can. Static text */
    const tfx_axis_member **members; /* [n_members], in the order of parameters, axes and factors */
    uint32_t n_members;
} tfx_axis_class;

typedef struct tfx_param_axes {
    uint32_t state; /* index in the state layout */
    uint32_t n_axes;
    /* Axis i has the factors [first[i], first[i + 1]) of tfx_axes.members. */
    uint32_t first[TFX_MAX_DIMS + 1];
    /* It is the last product before something is added to a residual stream, or a bias that is added after that
     * product: with all of these zero, the branch writes zeros. */
    int writes_residual;
} tfx_param_axes;

typedef struct tfx_axes {
    tfx_axis_class *classes; /* in the order in which members first have them */
    uint32_t n_classes;
    tfx_param_axes *params; /* of the graph, in the order of the state layout */
    uint32_t n_params;
    tfx_axis_member *members; /* in the order of params */
    uint32_t n_members;
    /* Classes whose product is the last dimension of the residual stream; none: there is no stream, or
     * it has no parameter along it. */
    uint32_t *residual, n_residual;
} tfx_axes;

/* The axes of all parameters in the forward graph g; needs nothing of g afterwards. Ops without a rule, the
 * adjoints and custom ones that were not lowered, make what they use rigid: build g with device NULL. Time
 * grows about linearly with the graph. */
tfx_axes *tfx_axes_create(const tfx_graph *g);
void tfx_axes_destroy(tfx_axes *a);

/* The parameter with that index in the state layout; NULL: the graph does not have it. */
const tfx_param_axes *tfx_axes_of_param(const tfx_axes *a, uint32_t state);

#endif
