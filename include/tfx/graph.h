/* tfx plugin ABI: the graph builder.
 *
 * Layers, optimizers and custom ops describe computation by calling the builder; nothing
 * is computed while they do. The graph is static single assignment: a value never changes.
 * The host derives the backward pass, plans memory and counts FLOPs from it.
 *
 * All functions are [main]. A call that fails returns TFX_POISON and records the first
 * error together with the path of the layer being built.
 *
 * Axes may be negative and then count from the end. f32 unless said otherwise.
 */
#ifndef TFX_GRAPH_H
#define TFX_GRAPH_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tfx_unary {
    TFX_NEG = 1,
    TFX_EXP = 2,
    TFX_LOG = 3,
    TFX_SQRT = 4,
    TFX_RSQRT = 5,
    TFX_TANH = 6,
    TFX_RELU = 7,
    TFX_SILU = 8,       /* x * sigmoid(x) */
    TFX_GELU_ERF = 9,   /* x * Phi(x), exact (Hendrycks & Gimpel 2016) */
    TFX_GELU_TANH = 10, /* the tanh approximation of the same paper */
#if TFX_NEEDS_MINOR >= 1
    TFX_SIGN = 11 /* since 1.1: -1, 0 or 1; NaN of NaN. Its gradient is zero */
#endif
} tfx_unary;

#if TFX_NEEDS_MINOR >= 1
/* Since 1.1. Comparisons with NaN do not hold, but for TFX_NOT_EQUAL. */
typedef enum tfx_compare {
    TFX_LESS = 1,
    TFX_LESS_EQUAL = 2,
    TFX_EQUAL = 3,
    TFX_NOT_EQUAL = 4,
    TFX_GREATER_EQUAL = 5,
    TFX_GREATER = 6
} tfx_compare;
#endif

typedef enum tfx_norm {
    TFX_NORM_LAYER = 1, /* (x - mean) / sqrt(var + eps); Ba et al. 2016, without affine */
    TFX_NORM_RMS = 2,   /* x / sqrt(mean(x^2) + eps); Zhang & Sennrich 2019 */
    TFX_NORM_L2 = 3     /* x / sqrt(sum(x^2) + eps); an all-zero row gives zero, eps 0 included */
} tfx_norm;

/* How a parameter starts out in a model trained from scratch. */
typedef enum tfx_init_kind {
    TFX_INIT_CONSTANT = 1, /* every element = mean */
    TFX_INIT_NORMAL = 2    /* N(mean, std^2) */
} tfx_init_kind;

typedef struct tfx_init {
    size_t struct_size;
    tfx_init_kind kind;
    double mean, std;
} tfx_init;

static inline tfx_init tfx_init_constant(double value)
{
    tfx_init i = {sizeof(tfx_init), TFX_INIT_CONSTANT, value, 0.0};
    return i;
}

static inline tfx_init tfx_init_normal(double std)
{
    tfx_init i = {sizeof(tfx_init), TFX_INIT_NORMAL, 0.0, std};
    return i;
}

/* Parameter flags. */
enum {
    TFX_PARAM_NO_DECAY = 1u << 0, /* never weight-decayed (by default rank < 2 is not) */
    TFX_PARAM_FIXED = 1u << 1     /* stored and carried over, never trained (e.g. tau) */
};

#if TFX_NEEDS_MINOR >= 1
/* Since 1.1. What attention does otherwise than all queries with the keys up to their own. With everything but struct_size
 * zero, nothing. Scores are scaled first, then capped, then lowered by distance, and then some are left out. */
typedef struct tfx_attention {
    size_t struct_size;
    int bidirectional; /* nonzero: queries see the keys after them, too */
    int64_t window;    /* queries see keys that are fewer than so many positions away; 0: however far */
    double soft_cap;   /* c: a score becomes c tanh(score / c) (Gemma Team 2024, section 2); 0: it stays */
    int alibi;         /* nonzero: of head h of H, from 0, the score of a key d positions away is lowered by
                          d 2^(-8 (h + 1) / H) (Press et al. 2022, "Train short, test long") */
} tfx_attention;
#endif

#define TFX_NOT_GROWABLE (-1)

/* Matmul flags. */
enum {
    TFX_TRANS_A = 1u << 0, /* use the transpose of a's last two dimensions */
    TFX_TRANS_B = 1u << 1
};

typedef struct tfx_builder tfx_builder;
struct tfx_builder {
    size_t struct_size;
    const tfx_host *host;

    /* ---- the layer being built (layers only) ---- */

    /* Options of this layer, to be read with host->opt_*. Valid during the call. */
    const tfx_options *options;
    /* The model this layer belongs to: width of the residual stream, number of blocks,
     * sequence length and vocabulary. */
    int64_t dim, n_blocks, context, vocab;

    /* A parameter of this layer, f32. `name` is unique within the layer; asking again for the same
     * (name, shape, init, axis, flags) returns the same parameter (weight tying), and asking for
     * another one of that name is an error, as is asking for other parameters when the model is
     * built again. `grow_axis` is the axis whose slices are told apart when it grows along it, with rates and counts of steps of
     * their own, and along which a policy's grow_param extends it; or TFX_NOT_GROWABLE. What growth operators extend is another
     * matter, of what the graph allows. */
    tfx_value (*param)(const tfx_builder *b, const char *name, uint32_t n_dims, const int64_t *dims,
                       const tfx_init *init, int grow_axis, uint32_t flags);

    /* Builds the layer that the spec put into the slot `slot` of this layer and returns
     * its output. `out_dim` is the size wanted for the output's last dimension. */
    tfx_value (*slot)(const tfx_builder *b, const char *slot, tfx_value x, int64_t out_dim);

    /* Fails the build with a message of the layer's own; returns TFX_POISON. About an option:
     * as tfx_host.fail. */
    tfx_value (*error)(const tfx_builder *b, const char *fmt, ...) TFX_PRINTF(2, 3);

    /* ---- what is known of a value; 0 for a poisoned one ---- */
    uint32_t (*rank)(const tfx_builder *b, tfx_value x);
    int64_t (*dim_of)(const tfx_builder *b, tfx_value x, int axis);
    tfx_dtype (*dtype)(const tfx_builder *b, tfx_value x); /* TFX_F32 for poison */

    /* ---- shape ---- */

    /* Same elements, other shape; one dimension may be -1. Free of cost. */
    tfx_value (*reshape)(const tfx_builder *b, tfx_value x, uint32_t n_dims, const int64_t *dims);
    /* out.dims[i] = x.dims[perm[i]]. */
    tfx_value (*permute)(const tfx_builder *b, tfx_value x, const int *perm);
    /* x[..., start:start+length, ...] along one axis. */
    tfx_value (*slice)(const tfx_builder *b, tfx_value x, int axis, int64_t start, int64_t length);
    tfx_value (*concat)(const tfx_builder *b, uint32_t n, const tfx_value *xs, int axis);
    /* NumPy rules: dimensions align from the right; 1 stretches. */
    tfx_value (*broadcast)(const tfx_builder *b, tfx_value x, uint32_t n_dims, const int64_t *dims);

    /* ---- arithmetic; the operands of binary ops are broadcast against each other ---- */
    tfx_value (*add)(const tfx_builder *b, tfx_value x, tfx_value y);
    tfx_value (*sub)(const tfx_builder *b, tfx_value x, tfx_value y);
    tfx_value (*mul)(const tfx_builder *b, tfx_value x, tfx_value y);
    tfx_value (*div)(const tfx_builder *b, tfx_value x, tfx_value y);
    tfx_value (*affine)(const tfx_builder *b, tfx_value x, double scale, double shift); /* x*scale+shift */
    tfx_value (*unary)(const tfx_builder *b, tfx_unary kind, tfx_value x);
    /* An f32 value of the given shape, every element = value. */
    tfx_value (*constant)(const tfx_builder *b, double value, uint32_t n_dims, const int64_t *dims);
    /* Converts between f32 and bf16 (round to nearest even). */
    tfx_value (*cast)(const tfx_builder *b, tfx_value x, tfx_dtype dtype);
    /* Sums over the given axes; keep_dims leaves them as size 1. */
    tfx_value (*sum)(const tfx_builder *b, tfx_value x, uint32_t n_axes, const int *axes, int keep_dims);
    /* alpha * op(x) op(y). x [..., m, k], y [..., k, n] -> [..., m, n] with equal leading
     * dimensions; or y of rank 2, then all leading dimensions of x are rows (TRANS_A then
     * needs x of rank 2). */
    tfx_value (*matmul)(const tfx_builder *b, tfx_value x, tfx_value y, uint32_t flags, double alpha);

    /* ---- networks; each works on the last axis unless said otherwise ---- */
    tfx_value (*softmax)(const tfx_builder *b, tfx_value x);
    tfx_value (*norm)(const tfx_builder *b, tfx_norm kind, tfx_value x, double eps);
    /* Rotary position embedding (Su et al. 2021), half-split rotation as in GPT-NeoX.
     * x [batch, time, heads, head_dim]; rotates the first n_dims (even) of head_dim. */
    tfx_value (*rope)(const tfx_builder *b, tfx_value x, int64_t n_dims, double base);
    /* Causal softmax(scale * q k^T) v, fused: no time x time matrix is ever stored.
     * q, k, v and the result are [batch, time, heads, head_dim]. */
    tfx_value (*attention)(const tfx_builder *b, tfx_value q, tfx_value k, tfx_value v, double scale);
    /* Rows of table [n, d] at indices (i32, any shape s) -> s + [d]. */
    tfx_value (*gather)(const tfx_builder *b, tfx_value table, tfx_value indices);
    /* -log softmax(logits)[target] per row. logits [..., v], targets i32 [...] -> [...].
     * A negative target gives loss 0 and no gradient. */
    tfx_value (*cross_entropy)(const tfx_builder *b, tfx_value logits, tfx_value targets);
    /* Zeroes elements with probability p and scales the rest by 1/(1-p) while training;
     * identity otherwise. The mask depends only on (seed, step, this call's place). */
    tfx_value (*dropout)(const tfx_builder *b, tfx_value x, double p);

    /* A custom op by its registered id (see op.h); `ints` and `reals` are its attributes. */
    tfx_value (*custom)(const tfx_builder *b, const char *op_id, uint32_t n_in, const tfx_value *in, uint32_t n_ints,
                        const int64_t *ints, uint32_t n_reals, const double *reals);

    void *impl; /* the host's; not for plugins */

#if TFX_NEEDS_MINOR >= 1
    /* ---- since 1.1; all f32 unless said otherwise ---- */

    /* The larger and the smaller of two, broadcast against each other; NaN where either is. Where they are equal, each gets half
     * of the gradient. */
    tfx_value (*max)(const tfx_builder *b, tfx_value x, tfx_value y);
    tfx_value (*min)(const tfx_builder *b, tfx_value x, tfx_value y);
    /* 1 where the comparison holds, else 0; x and y are broadcast against each other. No gradient goes through it: multiply by it
     * to select. */
    tfx_value (*compare)(const tfx_builder *b, tfx_compare how, tfx_value x, tfx_value y);
    /* For each row along the last axis, 1 for its k largest elements and 0 for all others: of equal ones the first are
     * chosen, a NaN is larger than any number. 1 <= k <= the size of the row. No gradient goes through it: x times topk(x, k)
     * keeps the k largest and has their gradients. */
    tfx_value (*topk)(const tfx_builder *b, tfx_value x, int64_t k);
    /* x, of any dtype, through which no gradient goes (van den Oord et al. 2017, section 3.2). Free of cost. */
    tfx_value (*stop_gradient)(const tfx_builder *b, tfx_value x);
    /* An array of numbers that are known now, f32 or i32, `data` row-major; copied. It takes memory once for all that
     * are equal, is no parameter and in no checkpoint. The same ones must be asked for whenever the model is built, so
     * they may depend on options, sizes of the model and of the context, but not on the number of rows. */
    tfx_value (*array)(const tfx_builder *b, tfx_dtype dtype, uint32_t n_dims, const int64_t *dims, const void *data);
    /* The array of f32 start, start + step, ..., n of them. */
    tfx_value (*iota)(const tfx_builder *b, int64_t n, double start, double step);

    /* As `attention`, with what is special in *how; NULL: nothing. Keys and values may have fewer heads than queries, a
     * divisor: [batch, time, heads / g, head_dim], and g heads of queries after one another share one (grouped queries, Ainslie
     * et al. 2023). With long contexts as fast as plain attention, and faster with a window. */
    tfx_value (*attention_with)(const tfx_builder *b, tfx_value q, tfx_value k, tfx_value v, double scale,
                                const tfx_attention *how);

    /* Layers only: one more loss. `value` is a single number; in training, weight times it is added to the mean cross-entropy of the
     * batch, whose gradient then has it, too. It is logged as the metric loss.NAME, the mean over all layers that
     * give one of that name. What is evaluated is the cross-entropy alone. */
    void (*loss)(const tfx_builder *b, const char *name, tfx_value value, double weight);
    /* Layers only: a number to be logged as the metric layer.NAME, the mean over all layers that give one of that name. */
    void (*metric)(const tfx_builder *b, const char *name, tfx_value value);

    /* As `custom`, for ops with several results: sets out[0 .. n_out), of which there must be as many as the op has; all are
     * TFX_POISON where it fails. */
    void (*custom_results)(const tfx_builder *b, const char *op_id, uint32_t n_in, const tfx_value *in, uint32_t n_ints,
                           const int64_t *ints, uint32_t n_reals, const double *reals, uint32_t n_out, tfx_value *out);
    /* What autodiff makes of `unary` and `norm`: dy times their derivative at x, for the `lower` of adjoints. They have no derivative
     * themselves. */
    tfx_value (*unary_grad)(const tfx_builder *b, tfx_unary kind, tfx_value x, tfx_value dy);
    tfx_value (*norm_grad)(const tfx_builder *b, tfx_norm kind, tfx_value x, tfx_value dy, double eps);
#endif
};

#ifdef __cplusplus
}
#endif
#endif
