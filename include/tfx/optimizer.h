/* tfx plugin ABI: optimizers.
 *
 * An optimizer describes one parameter's update with the same op set that layers use. The
 * host clips gradients, applies schedules, fuses the update into one pass over memory,
 * and carries the state over when a parameter grows.
 */
#ifndef TFX_OPTIMIZER_H
#define TFX_OPTIMIZER_H

#include "graph.h"
#include "growth.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Shape of a state tensor, given the parameter it belongs to. */
typedef enum tfx_state_shape {
    TFX_STATE_LIKE_PARAM = 1, /* the parameter's shape */
    TFX_STATE_PER_SLICE = 2,  /* [n] along a growable axis, broadcastable against the
                                 parameter (other dimensions 1); all ones when not growable */
#if TFX_NEEDS_MINOR >= 1
    /* Since 1.1. Broadcastable against the parameter, too. */
    TFX_STATE_ALONG_AXIS =
        3,               /* [n] along tfx_state.axis, other dimensions 1. Where that grows, new elements are zero */
    TFX_STATE_SCALAR = 4 /* all dimensions 1: one number, which growth leaves as it is */
#endif
} tfx_state_shape;

#define TFX_MAX_STATES 8

typedef struct tfx_state {
    size_t struct_size;
    const char *name; /* part of the checkpoint's tensor name */
    tfx_state_shape shape;
    tfx_dtype dtype; /* how it is stored; the update reads and writes f32 */
#if TFX_NEEDS_MINOR >= 1
    int gradient_power; /* since 1.1: a LIKE_PARAM state scales as this power of the gradient, 1 for a first moment, 2 for
                           a second: where growth changes the scale of gradients, it follows. 0: it is kept as it is */
    uint32_t axis;      /* since 1.1: of TFX_STATE_ALONG_AXIS */
#endif
} tfx_state;

#if TFX_NEEDS_MINOR >= 1
/* Since 1.1. What is known of one parameter; lives as long as the call. What the axes are for is inferred from the graph
 * of the whole model (docs/axes.md), so that an optimizer need not guess from names: a matrix none of whose axes is
 * TFX_AXIS_INDEXED is no embedding, and no output layer. */
typedef struct tfx_param_info {
    size_t struct_size;
    const char *path; /* "blocks.3.mixer.q.key" */
    uint32_t flags;   /* TFX_PARAM_* */
    int grow_axis;    /* or TFX_NOT_GROWABLE */
    uint32_t n_dims;
    const int64_t *dims;
    const uint32_t
        *marks; /* [n_dims] TFX_AXIS_LAYER_NORM, ..., TFX_AXIS_INDEXED: of each axis, those of all its factors */
    const uint32_t *roles; /* [n_dims] TFX_AXIS_PRODUCED, TFX_AXIS_CONSUMED, ...: the same */
    int decay;             /* 1 or 0 where the spec says for this parameter whether weight decay applies, else -1 */
} tfx_param_info;
#endif

/* What an update sees and gives back. */
typedef struct tfx_update {
    size_t struct_size;
    const tfx_options *options;
    tfx_value param, grad;               /* same shape; grad is already clipped */
    tfx_value lr;                        /* the learning rate of this step; broadcasts against param (a scalar, or
                                   one value per slice) */
    int decay;                           /* whether weight decay applies to this parameter */
    tfx_value state[TFX_MAX_STATES];     /* in, f32, in the order of `states`; zero at first */
    tfx_value new_param;                 /* out */
    tfx_value new_state[TFX_MAX_STATES]; /* out, f32, every one of them */
#if TFX_NEEDS_MINOR >= 1
    const tfx_param_info *info; /* since 1.1 */
#endif
} tfx_update;

#if TFX_NEEDS_MINOR >= 1
/* Since 1.1: how long the step of one element is, of which learning rates of wider models follow (docs/mup.md). */
typedef enum tfx_step_length {
    TFX_STEP_UNKNOWN = 0,
    TFX_STEP_NORMALISED = 1, /* about lr, however large the gradient is: Adam and its kin */
    TFX_STEP_GRADIENT = 2    /* in proportion to the gradient: gradient descent, with or without momentum */
} tfx_step_length;
#endif

typedef struct tfx_optimizer_class {
    size_t struct_size;
    const char *name;
    const char *summary;
    const tfx_option *options;
    size_t n_options;

    /* [main] Describes the state of one parameter: fills *out[0], *out[1], ... and sets *n, at
     * most TFX_MAX_STATES; `options` may choose dtypes or which states exist. Hosts since 1.1 take NULL where there is
     * `states_for`. */
    tfx_status (*states)(const tfx_host *host, const tfx_options *options, tfx_state *const *out, size_t *n);

    /* [main] Builds the update of one parameter. Called per parameter per graph. Of the
     * builder, the members about layers (options, param, slot) are not available. */
    tfx_status (*build_update)(const tfx_builder *b, tfx_update *u);
#if TFX_NEEDS_MINOR >= 1
    /* [main] Since 1.1, optional (NULL): the same as `states`, in its place, for optimizers that keep something else for one
     * parameter than for another. */
    tfx_status (*states_for)(const tfx_host *host, const tfx_options *options, const tfx_param_info *param,
                             tfx_state *const *out, size_t *n);
    tfx_step_length step; /* since 1.1 */
#endif
} tfx_optimizer_class;

#ifdef __cplusplus
}
#endif
#endif
