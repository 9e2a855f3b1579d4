/* State: the tensors that persist between steps, and where each lives.
 *
 * One layout serves all programs of a stage (training, evaluation): a tensor is declared
 * once, by name, and every program finds it at the same offset. */
#ifndef TFX_GRAPH_STATE_H
#define TFX_GRAPH_STATE_H

#include "framework/base/dtype.h"
#include "framework/base/name_table.h"
#include "tfx/graph.h"
#include "tfx/optimizer.h"

typedef enum tfx_state_kind {
    TFX_STATE_INPUT = 1, /* written by the host before a run; not in checkpoints */
    TFX_STATE_PARAM,     /* a model parameter */
    TFX_STATE_OPTIMIZER, /* optimizer state of the parameter `owner` */
    TFX_STATE_SCRATCH,   /* kept between steps, but zero at every step boundary */
    TFX_STATE_CACHE,     /* keys and values of the positions so far */
    TFX_STATE_COPY,      /* of the parameter `owner`, as bf16; not in checkpoints */
    TFX_STATE_ARRAY      /* numbers that never change, `data`; not in checkpoints */
} tfx_state_kind;

typedef struct tfx_state_tensor {
    char *name; /* a parameter's path; "PATH/STATE" for optimizer state */
    tfx_state_kind kind;
    tfx_dtype dtype;
    uint32_t n_dims;
    int64_t dims[TFX_MAX_DIMS];
    uint64_t elements, bytes, offset;
    /* PARAM only */
    char *asked_by; /* the layer, and for what; for messages */
    tfx_init init;
    int grow_axis;
    uint32_t flags; /* TFX_PARAM_* */
    int frozen;     /* it is not trained, as the spec says */
    /* What its width makes of init.std and of the learning rate (framework/plan/mup.h); 0: nothing */
    double init_scale, rate;
    uint32_t copy; /* index of its copy, which changes whenever the parameter does; TFX_STATE_NONE: it has none */
    /* OPTIMIZER, SCRATCH and COPY only */
    uint32_t owner;        /* index of the parameter */
    tfx_state_shape shape; /* all but LIKE_PARAM: along grow_axis, or one number */
    int power;             /* of the gradient, with which it scales */
    int in_place; /* it says which slices along grow_axis are where they were before growth: not the optimizer's */
    /* ARRAY only */
    void *data;
} tfx_state_tensor;

typedef struct tfx_state_layout {
    tfx_state_tensor *tensors;
    uint32_t n;
    size_t cap;
    uint64_t bytes;         /* so far; offsets are multiples of 64 */
    tfx_name_table by_name; /* their indices */
    int frozen;             /* complete: no program has been given places before, and none adds a tensor after */
    /* Whether a parameter is not to be trained; NULL: all are, but those that their layers fix. */
    int (*is_frozen)(const void *who_knows, const char *path);
    const void *who_knows;
} tfx_state_layout;

/* Whether it is a parameter that an optimizer changes. */
static inline int tfx_state_is_trained(const tfx_state_tensor *t)
{
    return t->kind == TFX_STATE_PARAM && !(t->flags & TFX_PARAM_FIXED) && !t->frozen;
}

#define TFX_STATE_NONE TFX_NAME_NONE

/* Places, which `in_place` is about, are called "PATH/in place AXIS"; the states of an optimizer have no spaces. */
#define TFX_STATE_PLACES "in place"
int tfx_state_is_places(const char *name);

/* Appends a tensor; its name must be new. Returns its index. */
uint32_t tfx_state_add(tfx_state_layout *s, tfx_state_kind kind, const char *name, tfx_dtype dtype, uint32_t n_dims,
                       const int64_t *dims);
/* Numbers that never change; copied. */
uint32_t tfx_state_add_array(tfx_state_layout *s, const char *name, tfx_dtype dtype, uint32_t n_dims,
                             const int64_t *dims, const void *data);
uint32_t tfx_state_find(const tfx_state_layout *s, const char *name); /* or TFX_STATE_NONE */
void tfx_state_finish(tfx_state_layout *s);

/* The product of the dims (each at least 1), but at most TFX_MAX_ELEMENTS: a count that no value
 * of a graph may reach, so that sums of sizes cannot overflow. */
#define TFX_MAX_ELEMENTS ((uint64_t)1 << 56)
uint64_t tfx_shape_elements(uint32_t n_dims, const int64_t *dims);

#endif
