/* Ops: what the host knows of each op, in one table.
 *
 * Whatever differs from op to op, and is no backend's business, is looked up here: emitting,
 * autodiff, axes, proofs, fusion, sequence, placement and cost have no list of ops of their own. A new op is a number
 * in include/tfx/ir.h, a row in ops.c, a rule in shapes.c, a derivative in vjp.c, rules in axis_rules.c and
 * proof_rules.c, and a function in emit.c that layers or derivatives call. */
#ifndef TFX_GRAPH_OPS_H
#define TFX_GRAPH_OPS_H

#include "framework/graph/graph.h"

#define TFX_MAX_RESULTS TFX_MAX_OP_RESULTS

/* A node that is about to be emitted. */
typedef struct tfx_emission {
    tfx_op op;
    uint32_t n_in;
    const tfx_value *in;
    int64_t ints[TFX_MAX_INTS];
    double reals[TFX_MAX_REALS];
    /* Of a custom op, which its rule in shapes.c sets but for the class: how many results it has, the FLOPs that it
     * counts, and the bytes of scratch memory that its kernel shares. */
    const tfx_op_class *custom;
    uint32_t n_out;
    double flops;
    uint64_t scratch;
    /* Dtype and shape of each result. Set before the op's rule is asked where operands and attributes
     * do not say it (a broadcast, a constant); dtype 0 is f32. */
    tfx_graph_value out[TFX_MAX_RESULTS];
} tfx_emission;

/* Checks operands and attributes and gives the results their shapes: 1, or 0 with an error that starts
 * with the op's name. */
typedef int tfx_shape_rule(tfx_graph *g, tfx_emission *e);

/* One op's vector-Jacobian product. `in`, `out` and `dout` are the operands, results and
 * gradients of the results (TFX_POISON: none) of `node`; writes the gradients of the operands that
 * need one to `din` (TFX_POISON elsewhere). */
typedef struct tfx_vjp_args {
    const tfx_graph_node *node; /* a copy: emitting may move the original */
    const tfx_value *in, *out, *dout;
    const int *needs; /* per operand */
    tfx_value *din;
    /* A gradient of in[i] so far, or TFX_POISON: an op that can add to it in place does
     * (matmul, gather) and sets absorbed[i]. */
    const tfx_value *sofar;
    int *absorbed;
} tfx_vjp_args;
typedef void tfx_vjp_rule(tfx_graph *g, const tfx_vjp_args *v);

/* One op's axis rule: which dimensions are the same (axis_walk.h). */
struct tfx_axis_walk;
typedef void tfx_axis_rule(struct tfx_axis_walk *w, const tfx_graph_node *n);

/* What one op's result is, compared with that in another graph (proof_rules.h). */
struct tfx_proof_step;
typedef struct tfx_related tfx_proof_rule(const struct tfx_proof_step *s);

typedef struct tfx_op_info {
    const char *name;
    uint32_t min_in, max_in, n_out;
    uint32_t f32;  /* bit k: operand k must be f32 */
    uint32_t bf16; /* bit k: operand k is bf16 where the model computes in it (precision.h) */
    int exact;     /* what it reads stays f32 there */
    /* Bit k: a result may have the memory of operand k, because every element of it is read before
     * the result's element at the same place is written, and never after. */
    uint32_t overwrites;
    int pointwise; /* over one common shape; may be fused */
    int rows;      /* the same but for rows of the last dimension, each of which is a matter of its own */
    int cheap;     /* as pointwise ops are: worth doing again where its result would have to be kept (recompute.h) */
    int no_unit;   /* is never executed: sources, and views of their operand */
    /* A broadcast or a constant costs nothing inside a fused unit and a whole tensor outside of one. */
    int free_in_unit;
    int flat;              /* its result is the same all around nearly every point: no gradient goes through it */
    tfx_shape_rule *shape; /* NULL: the results have the shapes that were asked for */
    double (*cost)(const tfx_graph *g, const tfx_graph_node *n); /* NULL: none that count */
    tfx_vjp_rule *vjp;                                           /* NULL: no derivative */
    tfx_axis_rule *axes;                                         /* NULL: none known, as of adjoints */
    tfx_proof_rule *proof; /* NULL: none known; the host looks at sources and broadcasts itself */
    uint32_t sizes;        /* bit k: ints[k] is a size or a place, which a wider model may have otherwise */
} tfx_op_info;

const tfx_op_info *tfx_op_info_of(tfx_op op); /* `op` is one of the set */

/* Whether no gradient goes through a node of that op with these attributes. */
int tfx_op_is_flat(tfx_op op, const int64_t *ints);

/* Whether a result may have the memory of operand k. */
static inline int tfx_op_may_overwrite(tfx_op op, uint32_t k)
{
    return k < 32 && (tfx_op_info_of(op)->overwrites >> k & 1);
}

/* The rules in shapes.c, the derivatives in vjp.c, the rules in axis_rules.c, and those in proof_rules.c and
 * proof_sums.c. */
extern tfx_shape_rule tfx_shape_like_first, tfx_shape_store, tfx_shape_unary, tfx_shape_unary_grad, tfx_shape_cast,
    tfx_shape_dropout, tfx_shape_broadcast, tfx_shape_reshape, tfx_shape_permute, tfx_shape_slice, tfx_shape_pad,
    tfx_shape_concat, tfx_shape_matmul, tfx_shape_softmax, tfx_shape_norm, tfx_shape_rope, tfx_shape_attention,
    tfx_shape_attention_grad, tfx_shape_gather, tfx_shape_cross_entropy, tfx_shape_custom, tfx_shape_compare,
    tfx_shape_topk, tfx_shape_insert, tfx_shape_attention_cached;
extern tfx_vjp_rule tfx_vjp_add, tfx_vjp_sub, tfx_vjp_mul, tfx_vjp_div, tfx_vjp_max, tfx_vjp_affine, tfx_vjp_unary,
    tfx_vjp_cast, tfx_vjp_dropout, tfx_vjp_broadcast, tfx_vjp_reshape, tfx_vjp_permute, tfx_vjp_slice, tfx_vjp_pad,
    tfx_vjp_concat, tfx_vjp_sum, tfx_vjp_matmul, tfx_vjp_softmax, tfx_vjp_norm, tfx_vjp_rope, tfx_vjp_attention,
    tfx_vjp_gather, tfx_vjp_cross_entropy, tfx_vjp_custom;
extern tfx_axis_rule tfx_axes_like_first, tfx_axes_pointwise, tfx_axes_reshape, tfx_axes_permute, tfx_axes_slice,
    tfx_axes_pad, tfx_axes_concat, tfx_axes_sum, tfx_axes_matmul, tfx_axes_softmax, tfx_axes_norm, tfx_axes_rope,
    tfx_axes_attention, tfx_axes_gather, tfx_axes_cross_entropy, tfx_axes_topk;
extern tfx_proof_rule tfx_proof_add, tfx_proof_mul, tfx_proof_div, tfx_proof_larger, tfx_proof_topk, tfx_proof_affine,
    tfx_proof_unary, tfx_proof_same_as_first, tfx_proof_reshape, tfx_proof_permute, tfx_proof_slice, tfx_proof_concat,
    tfx_proof_sum, tfx_proof_matmul, tfx_proof_softmax, tfx_proof_norm, tfx_proof_rope, tfx_proof_attention,
    tfx_proof_gather;

#endif
