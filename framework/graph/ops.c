/* The table of ops; see ops.h. */
#include "framework/graph/ops.h"

#include <assert.h>

/* ---- FLOPs: see cost.h for what counts ---- */

/* 2 * elements of the result * inner dimension */
static double matmul_flops(const tfx_graph *g, const tfx_graph_node *n)
{
    const tfx_graph_value *a = &g->values[n->in[0]];
    int64_t inner = a->dims[a->n_dims - (n->ints[0] & TFX_TRANS_A ? 2 : 1)];
    return 2.0 * (double)tfx_value_elements(g, n->out) * (double)inner;
}

/* Keys that all queries of a head see, counted. */
static double seen_keys(int64_t time, const tfx_graph_node *n)
{
    int64_t window = n->ints[1] && n->ints[1] < time ? n->ints[1] : time;
    double first = (double)window * (double)(window + 1) / 2.0, later = (double)(time - window) * (double)window;
    int both = (n->ints[0] & TFX_ATTENTION_BIDIRECTIONAL) != 0;
    return both ? 2 * (first + later) - (double)time : first + later;
}

/* One product of queries and the keys that they see. */
static double attention_product(const tfx_graph *g, const tfx_graph_node *n)
{
    const int64_t *d = g->values[n->in[0]].dims;
    return 2.0 * (double)d[0] * (double)d[2] * seen_keys(d[1], n) * (double)d[3];
}

static double attention_flops(const tfx_graph *g, const tfx_graph_node *n)
{
    return 2 * attention_product(g, n);
}

static double attention_grad_flops(const tfx_graph *g, const tfx_graph_node *n)
{
    return 4 * attention_product(g, n); /* dv, dp, dq, dk */
}

static double custom_flops(const tfx_graph *g, const tfx_graph_node *n)
{
    (void)g;
    return n->flops;
}

/* ---- the table ---- */

#define OPERAND(k) (1u << (k))
#define BOTH (OPERAND(0) | OPERAND(1))
#define ALL_THREE (BOTH | OPERAND(2))
#define POINTWISE .n_out = 1, .pointwise = 1
#define OF_TWO POINTWISE, .f32 = BOTH, .overwrites = BOTH, .shape = tfx_shape_like_first

/* In each row: the name and the least and the largest number of operands, then what else holds. */
static const tfx_op_info table[] = {
    [TFX_OP_INPUT] = {"input", 0, 0, .n_out = 1, .no_unit = 1},
    [TFX_OP_PARAM] = {"param", 0, 0, .n_out = 1, .no_unit = 1},
    [TFX_OP_STORE] = {"store", 2, 2, .n_out = 0, .shape = tfx_shape_store},

    [TFX_OP_CONST] = {"constant", 0, 0, POINTWISE, .free_in_unit = 1},
    [TFX_OP_ADD] = {"add", 2, 2, OF_TWO, .vjp = tfx_vjp_add, .axes = tfx_axes_pointwise, .proof = tfx_proof_add},
    [TFX_OP_SUB] = {"sub", 2, 2, OF_TWO, .vjp = tfx_vjp_sub, .axes = tfx_axes_pointwise, .proof = tfx_proof_add},
    [TFX_OP_MUL] = {"mul", 2, 2, OF_TWO, .vjp = tfx_vjp_mul, .axes = tfx_axes_pointwise, .proof = tfx_proof_mul},
    [TFX_OP_DIV] = {"div", 2, 2, OF_TWO, .vjp = tfx_vjp_div, .axes = tfx_axes_pointwise, .proof = tfx_proof_div},
    [TFX_OP_AFFINE] = {"affine", 1, 1, POINTWISE, .f32 = OPERAND(0), .overwrites = OPERAND(0),
                       .shape = tfx_shape_like_first, .vjp = tfx_vjp_affine, .axes = tfx_axes_like_first,
                       .proof = tfx_proof_affine},
    [TFX_OP_UNARY] = {"unary", 1, 1, POINTWISE, .f32 = OPERAND(0), .overwrites = OPERAND(0), .shape = tfx_shape_unary,
                      .vjp = tfx_vjp_unary, .axes = tfx_axes_like_first, .proof = tfx_proof_unary},
    [TFX_OP_UNARY_GRAD] = {"unary_grad", 2, 2, POINTWISE, .f32 = BOTH, .overwrites = BOTH,
                           .shape = tfx_shape_unary_grad},
    [TFX_OP_CAST] = {"cast", 1, 1, POINTWISE, .overwrites = OPERAND(0), .shape = tfx_shape_cast, .vjp = tfx_vjp_cast,
                     .axes = tfx_axes_like_first, .proof = tfx_proof_same_as_first},
    /* The key is read for every element. */
    [TFX_OP_DROPOUT] = {"dropout", 2, 2, POINTWISE, .f32 = OPERAND(0), .overwrites = OPERAND(0),
                        .shape = tfx_shape_dropout, .vjp = tfx_vjp_dropout, .axes = tfx_axes_like_first},
    [TFX_OP_BROADCAST] = {"broadcast", 1, 1, POINTWISE, .free_in_unit = 1, .shape = tfx_shape_broadcast,
                          .vjp = tfx_vjp_broadcast, .axes = tfx_axes_like_first},

    [TFX_OP_MAX] = {"max", 2, 2, OF_TWO, .vjp = tfx_vjp_max, .axes = tfx_axes_pointwise, .proof = tfx_proof_larger},
    [TFX_OP_MIN] = {"min", 2, 2, OF_TWO, .vjp = tfx_vjp_max, .axes = tfx_axes_pointwise, .proof = tfx_proof_larger},
    [TFX_OP_COMPARE] = {"compare", 2, 2, POINTWISE, .f32 = BOTH, .overwrites = BOTH, .flat = 1,
                        .shape = tfx_shape_compare, .axes = tfx_axes_pointwise, .proof = tfx_proof_larger},

    [TFX_OP_RESHAPE] = {"reshape", 1, 1, .n_out = 1, .no_unit = 1, .shape = tfx_shape_reshape, .vjp = tfx_vjp_reshape,
                        .axes = tfx_axes_reshape, .proof = tfx_proof_reshape},
    [TFX_OP_PERMUTE] = {"permute", 1, 1, .n_out = 1, .cheap = 1, .shape = tfx_shape_permute, .vjp = tfx_vjp_permute,
                        .axes = tfx_axes_permute, .proof = tfx_proof_permute},
    [TFX_OP_SLICE] = {"slice", 1, 1, .n_out = 1, .shape = tfx_shape_slice, .vjp = tfx_vjp_slice, .axes = tfx_axes_slice,
                      .proof = tfx_proof_slice, .sizes = 1u << 1},
    [TFX_OP_PAD] = {"pad", 1, 1, .n_out = 1, .shape = tfx_shape_pad, .vjp = tfx_vjp_pad, .axes = tfx_axes_pad},
    [TFX_OP_CONCAT] = {"concat", 1, UINT32_MAX, .n_out = 1, .shape = tfx_shape_concat, .vjp = tfx_vjp_concat,
                       .axes = tfx_axes_concat, .proof = tfx_proof_concat},

    [TFX_OP_SUM] = {"sum", 1, 1, .n_out = 1, .f32 = OPERAND(0), .vjp = tfx_vjp_sum, .axes = tfx_axes_sum,
                    .proof = tfx_proof_sum},
    [TFX_OP_MATMUL] = {"matmul", 2, 3, .n_out = 1, .f32 = ALL_THREE, .bf16 = BOTH, .overwrites = OPERAND(2),
                       .shape = tfx_shape_matmul, .cost = matmul_flops, .vjp = tfx_vjp_matmul, .axes = tfx_axes_matmul,
                       .proof = tfx_proof_matmul},

    [TFX_OP_SOFTMAX] = {"softmax", 1, 1, .n_out = 1, .rows = 1, .cheap = 1, .f32 = OPERAND(0),
                        .shape = tfx_shape_softmax, .vjp = tfx_vjp_softmax, .axes = tfx_axes_softmax,
                        .proof = tfx_proof_softmax},
    [TFX_OP_SOFTMAX_GRAD] = {"softmax_grad", 2, 2, .n_out = 1, .rows = 1, .f32 = BOTH, .shape = tfx_shape_like_first},
    [TFX_OP_NORM] = {"norm", 1, 1, .n_out = 1, .rows = 1, .cheap = 1, .f32 = OPERAND(0), .shape = tfx_shape_norm,
                     .vjp = tfx_vjp_norm, .axes = tfx_axes_norm, .proof = tfx_proof_norm},
    [TFX_OP_NORM_GRAD] = {"norm_grad", 2, 2, .n_out = 1, .rows = 1, .f32 = BOTH, .shape = tfx_shape_norm},
    [TFX_OP_ROPE] = {"rope", 1, 2, .n_out = 1, .f32 = OPERAND(0), .shape = tfx_shape_rope, .vjp = tfx_vjp_rope,
                     .axes = tfx_axes_rope, .proof = tfx_proof_rope, .sizes = 1u << 0},
    [TFX_OP_ATTENTION] = {"attention", 3, 3, .n_out = 2, .f32 = ALL_THREE, .bf16 = ALL_THREE,
                          .shape = tfx_shape_attention, .cost = attention_flops, .vjp = tfx_vjp_attention,
                          .axes = tfx_axes_attention, .proof = tfx_proof_attention},
    [TFX_OP_ATTENTION_GRAD] = {"attention_grad", 6, 6, .n_out = 3, .f32 = ALL_THREE,
                               .bf16 = ALL_THREE | OPERAND(3) | OPERAND(5), .shape = tfx_shape_attention_grad,
                               .cost = attention_grad_flops},
    [TFX_OP_GATHER] = {"gather", 2, 2, .n_out = 1, .f32 = OPERAND(0), .shape = tfx_shape_gather, .vjp = tfx_vjp_gather,
                       .axes = tfx_axes_gather, .proof = tfx_proof_gather},
    [TFX_OP_GATHER_GRAD] = {"gather_grad", 2, 3, .n_out = 1, .overwrites = OPERAND(2)},
    [TFX_OP_CROSS_ENTROPY] = {"cross_entropy", 2, 2, .n_out = 2, .f32 = OPERAND(0), .shape = tfx_shape_cross_entropy,
                              .vjp = tfx_vjp_cross_entropy, .axes = tfx_axes_cross_entropy},
    [TFX_OP_CROSS_ENTROPY_GRAD] = {"cross_entropy_grad", 4, 4, .n_out = 1, .f32 = OPERAND(0), .exact = 1,
                                   .overwrites = OPERAND(0), .shape = tfx_shape_like_first},
    [TFX_OP_CUSTOM] = {"custom", 0, 8, .n_out = 1, .shape = tfx_shape_custom, .cost = custom_flops,
                       .vjp = tfx_vjp_custom},
    /* Of forward passes that no gradient follows. */
    [TFX_OP_INSERT] = {"insert", 3, 3, .n_out = 1, .f32 = BOTH, .overwrites = OPERAND(0), .shape = tfx_shape_insert},
    [TFX_OP_ATTENTION_CACHED] = {"attention_cached", 4, 4, .n_out = 1, .f32 = ALL_THREE,
                                 .shape = tfx_shape_attention_cached},

    [TFX_OP_TOPK] = {"topk", 1, 1, .n_out = 1, .f32 = OPERAND(0), .flat = 1, .shape = tfx_shape_topk,
                     .axes = tfx_axes_topk, .proof = tfx_proof_topk},
};

const tfx_op_info *tfx_op_info_of(tfx_op op)
{
    assert((size_t)op < sizeof(table) / sizeof(*table) && table[op].name);
    return &table[op];
}

int tfx_op_is_flat(tfx_op op, const int64_t *ints)
{
    return tfx_op_info_of(op)->flat || (op == TFX_OP_UNARY && ints[0] == TFX_SIGN) || (op == TFX_OP_RESHAPE && ints[0]);
}

const char *tfx_op_name(tfx_op op)
{
    return (size_t)op < sizeof(table) / sizeof(*table) && table[op].name ? table[op].name : "?";
}
