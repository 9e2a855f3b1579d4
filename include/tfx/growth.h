/* tfx plugin ABI: growth operators, since 1.1.
 *
 * An operator says what a grown model is made of. It never touches a weight: it fills in a map, and the host checks the
 * map when the run is planned, states whether it leaves the function of the model as it was, and applies it between two
 * steps to the weights, the optimizer's state and its counters.
 *
 * An operator need not know any layer. It sees both models as the graph has them (docs/axes.md): parameters, each axis of
 * which is a product of classes, and classes, which are one dimension of the model wherever they occur. In
 * blocks.0.ffn.up.weight [512, 128] axis 0 is the class blocks.0.ffn.hidden and axis 1 the class residual.
 *
 * The map is linear. Element [i, j, ...] of a new parameter is the sum over its sources s, which are old parameters, of
 *
 *     weight_s * scale_s1[i] * scale_s2[j] * ... * old_s[index_s1[i], index_s2[j], ...]
 *
 * with an index array and a scale array for each factor of each axis. An element without any source (an index that is
 * TFX_INDEX_NEW) is filled. The map that an operator finds is the plainest: each parameter has the old one of the same path as its
 * only source, old elements keep their places, what is new is the layer's own initialisation. An operator changes what
 * it wants otherwise. See docs/writing-an-operator.md for whole ones. */
#ifndef TFX_GROWTH_H
#define TFX_GROWTH_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

#if TFX_NEEDS_MINOR >= 1

#define TFX_KIND_OPERATOR "tfx.operator/1"

/* What a factor of a parameter's axis is used for; it can be several. */
enum {
    TFX_AXIS_PRODUCED = 1,   /* it becomes a dimension of what the model computes: a row of a weight, a bias, a norm's
                               factor, the columns of a table */
    TFX_AXIS_CONSUMED = 2,   /* it is summed over, or indexed */
    TFX_AXIS_NORMALISED = 4, /* besides PRODUCED: what it produces goes, over additions at most, into a norm over this
                                class (layer, rms or L2). So what writes into a pre-norm stream, and not the norm's own weight */
    TFX_AXIS_GAIN = 8        /* besides PRODUCED: what the model computes is multiplied by it, as by a norm's weight, so
                                that it keeps the scale that it has; all else that is produced sets one */
};

/* What is known of a class. The first four: something is normalised over it, which decides what zeros and
 * copies do. The order of elements means something in a class that is ROTATED (a head's dimensions, by rope) or
 * INDEXED (rows of a table, outputs that targets choose from); of others any order will do. */
enum {
    TFX_AXIS_LAYER_NORM = 1 << 0,
    TFX_AXIS_RMS_NORM = 1 << 1,
    TFX_AXIS_L2_NORM = 1 << 2,
    TFX_AXIS_SOFTMAX = 1 << 3,
    TFX_AXIS_ROTATED = 1 << 4,
    TFX_AXIS_INDEXED = 1 << 5
};

/* One dimension of a model. */
typedef struct tfx_model_class {
    size_t struct_size;
    const char *name; /* "blocks.3.ffn.hidden", see docs/axes.md */
    int64_t size;
    uint32_t marks;    /* TFX_AXIS_LAYER_NORM ... */
    const char *rigid; /* why its size cannot change; NULL: it can */
    int64_t block;     /* the block that all its members are in; -1: none */
    int residual;      /* it is the width of the residual stream, or a factor of that */
} tfx_model_class;

/* One factor of one axis of a parameter. An axis of size 1 has none. */
typedef struct tfx_model_factor {
    size_t struct_size;
    uint32_t axis;
    uint32_t cls;   /* index in tfx_model_view.classes */
    uint32_t roles; /* TFX_AXIS_PRODUCED ... */
} tfx_model_factor;

typedef struct tfx_model_param {
    size_t struct_size;
    const char *path;  /* "blocks.3.mixer.q.key" */
    const char *name;  /* its last part, "key" */
    int64_t block;     /* the block it is in, 3; -1: in none */
    const char *local; /* its path inside the block, "mixer.q.key"; in no block: its path */
    uint32_t flags;    /* TFX_PARAM_* */
    uint32_t n_dims;
    const int64_t *dims;
    uint32_t n_factors; /* in the order of axes, and within an axis outermost first */
    const tfx_model_factor *const *factors;
    int writes_residual; /* with all of these zero, the branch that it ends writes nothing into the stream */
} tfx_model_param;

/* A model; lives as long as the growth it belongs to. */
typedef struct tfx_model_view {
    size_t struct_size;
    const char *name;
    int64_t n_blocks;
    uint32_t n_classes, n_params;
    const tfx_model_class *const *classes;
    const tfx_model_param *const *params;
} tfx_model_view;

/* Entries of an index array that are no old element. */
#define TFX_INDEX_NEW ((int64_t)-1)  /* has no source: filled */
#define TFX_INDEX_MEAN ((int64_t)-2) /* the mean of all old elements of that factor */

typedef enum tfx_fill {
    TFX_FILL_INIT = 0, /* the layer's own initialisation at the new size */
    TFX_FILL_ZERO = 1,
    TFX_FILL_NORMAL = 2 /* N(0, std) */
} tfx_fill;

/* A growth event while its map is made: what an operator is given. All functions are [main]; those that return a status
 * have said what is wrong when it is negative, so `return` it. Arrays are copied. */
typedef struct tfx_growth tfx_growth;
struct tfx_growth {
    size_t struct_size;
    uint32_t event; /* the stage that begins, from 1 on; 0: a model that starts from another run's checkpoint */
    const tfx_model_view *from, *to;
    /* For random choices (tfx_host.random_u64 and random_normal): of the run's seed and the event. The map is
     * made when a run is planned and again for the event, so the same seed must give the same map. */
    uint64_t seed;

    /* Index of the old parameter with that path; -1: none. */
    int64_t (*old_param)(const tfx_growth *g, const char *path);
    /* The same for the one with that path inside of an old block. */
    int64_t (*old_in_block)(const tfx_growth *g, int64_t block, const char *local);
    /* How many elements the new class `cls` has in the old model, as those of its parameters have it that are there
     * under the same path; -1: none of them is. */
    int64_t (*old_size)(const tfx_growth *g, uint32_t cls);

    /* For every parameter that has the new class `cls` as a factor: where elements come from, index [size of the class],
     * and what values are multiplied by where the factor is produced or consumed, produced [size], consumed [size]; NULL:
     * by 1. A factor that is both gets `produced`. Gradients, and with them the optimizer's moments, are
     * multiplied the other way round: a weight that produces element i has the gradient of its source times consumed[i],
     * and one that consumes it that times produced[i], as the chain rule has it for copies. */
    tfx_status (*set_class)(tfx_growth *g, uint32_t cls, const int64_t *index, const double *produced,
                            const double *consumed);

    /* One more source of parameter `param`: all of old parameter `old`, times weight. The first call for a parameter
     * replaces its source of the same path. *source gets its number, from 0 (may be NULL). Both parameters have the same
     * factors, perhaps of other sizes. */
    tfx_status (*add_source)(tfx_growth *g, uint32_t param, uint32_t old, double weight, uint32_t *source);
    /* None at all: every element is filled. */
    tfx_status (*drop_sources)(tfx_growth *g, uint32_t param);

    /* In place of what `set_class` says, for one factor of one source: NULL leaves that part of it. gradient [size]: what
     * gradients are multiplied by. */
    tfx_status (*set_factor)(tfx_growth *g, uint32_t param, uint32_t source, uint32_t factor, const int64_t *index,
                             const double *scale, const double *gradient);

    /* What elements without a source become; std is for TFX_FILL_NORMAL. */
    tfx_status (*set_fill)(tfx_growth *g, uint32_t param, tfx_fill fill, double std);

    /* What the map as it is now does to the function: the grown model's logits are *factor times the old one's, for every
     * input and whatever the numbers in the parameters are. 1: it is preserved. 0: that cannot be shown, and *why says what
     * is in the way, until the next call. By argument, in exact arithmetic; takes as long as building both graphs. */
    tfx_status (*logit_factor)(tfx_growth *g, double *factor, const char **why);
};

typedef struct tfx_operator_class {
    size_t struct_size;
    const char *name;
    const char *summary;
    const tfx_option *options;
    size_t n_options;

    /* [main] Fills in the map of a growth. Options that fit none of its parameters are to be refused here, since this
     * is also called before step 0. */
    tfx_status (*map)(const tfx_host *host, const tfx_options *options, tfx_growth *g);
} tfx_operator_class;

#endif

#ifdef __cplusplus
}
#endif
#endif
