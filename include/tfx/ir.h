/* tfx plugin ABI: the program a backend executes.
 *
 * The host turns a graph into a program: nodes in execution order, grouped into steps,
 * with every value's place in memory already decided. A backend compiles it once per stage
 * and runs it once per training step.
 */
#ifndef TFX_IR_H
#define TFX_IR_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Op codes. Numbers never change; new ones are added at the end. Shapes in brackets;
 * `ints` and `reals` are the node's attributes. "pointwise" ops may be fused. */
typedef enum tfx_op {
    /* sources: no computation, not part of any step */
    TFX_OP_INPUT = 1, /* written by the host before a run */
    TFX_OP_PARAM = 2, /* a persistent tensor: parameter, optimizer state, accumulator */
    /* sinks */
    TFX_OP_STORE = 3, /* in: value, target (a PARAM); copies value into target's place */

    /* pointwise: all operands and the result have one shape */
    TFX_OP_CONST = 10, /* reals[0] everywhere */
    TFX_OP_ADD = 11,   /* in: x, y */
    TFX_OP_SUB = 12,
    TFX_OP_MUL = 13,
    TFX_OP_DIV = 14,
    TFX_OP_AFFINE = 15,     /* x * reals[0] + reals[1] */
    TFX_OP_UNARY = 16,      /* ints[0] = tfx_unary */
    TFX_OP_UNARY_GRAD = 17, /* in: x, dy; dy * f'(x); ints[0] = tfx_unary */
    TFX_OP_CAST = 18,
    TFX_OP_DROPOUT = 19,   /* in: x, key (i32 [2], which the host makes of seed and step);
                               reals[0] = p, ints[0] = stream; element i is kept when the high
                               32 bits of random_u64(key[0] << 32 | key[1], stream, i), with the
                               key's numbers as unsigned ones, are >= p * 2^32 */
    TFX_OP_BROADCAST = 20, /* the one pointwise op whose operand has another shape: [ones
                               stretched, aligned from the right] */
    TFX_OP_MAX = 21,       /* in: x, y; the larger one; NaN where either is; since minor 1, as are the next two */
    TFX_OP_MIN = 22,
    TFX_OP_COMPARE = 23, /* in: x, y; 1 where the comparison ints[0] = tfx_compare holds, else 0 */

    /* movement */
    TFX_OP_RESHAPE = 30, /* always shares its operand's memory: never part of a step. ints[0] is 1 where
                            gradients end (the host's business), else 0 */
    TFX_OP_PERMUTE = 31, /* out.dims[i] = in.dims[ints[i]] */
    TFX_OP_SLICE = 32,   /* ints: axis, start */
    TFX_OP_PAD = 33,     /* adjoint of slice: zeros around x; ints: axis, start */
    TFX_OP_CONCAT = 34,  /* ints[0] = axis */

    /* reductions and matrices */
    TFX_OP_SUM = 40,    /* ints[0] = bit mask of the axes summed over (kept as 1 or dropped:
                           the element order is the same) */
    TFX_OP_MATMUL = 41, /* in: a, b[, c]; reals[0] * op(a) op(b) + reals[1] * c; ints[0] =
                           TFX_TRANS_*; batched over equal leading dims, or b rank 2 and a's
                           leading dims are rows; the result may share c's memory */

    /* rows: on the last axis */
    TFX_OP_SOFTMAX = 50,
    TFX_OP_SOFTMAX_GRAD = 51,       /* in: y, dy */
    TFX_OP_NORM = 52,               /* ints[0] = tfx_norm, reals[0] = eps */
    TFX_OP_NORM_GRAD = 53,          /* in: x, dy */
    TFX_OP_ROPE = 54,               /* in: x [B,T,H,D][, positions i32 [B,T]: without them row t is at
                                 position t]; ints: n_dims, sign (+1 forward, -1 adjoint);
                                 reals[0] = base */
    TFX_OP_ATTENTION = 55,          /* in: q,k,v [B,T,H,D]; out: o [B,T,H,D], lse [B,H,T]; causal;
                                 reals[0] = scale. Since minor 1, for backends with TFX_BACKEND_ATTENTION:
                                 k and v may be [B,T,H/g,D], and other attributes than reals[0] be nonzero
                                 (tfx_attention, graph.h): ints[0] = TFX_ATTENTION_*, ints[1] = window,
                                 reals[1] = soft cap */
    TFX_OP_ATTENTION_GRAD = 56,     /* in: q,k,v,o,lse,do; out: dq,dk,dv; the same attributes */
    TFX_OP_GATHER = 57,             /* in: table [n,d], indices i32 s; out s+[d] */
    TFX_OP_GATHER_GRAD = 58,        /* in: indices i32 s, dy s+[d]; out [n,d]: rows added up in
                                 index order, the rest zero. With a third operand c [n,d]
                                 the rows are added to c, whose memory out may share */
    TFX_OP_CROSS_ENTROPY = 59,      /* in: logits [...,v], targets i32 [...]; out: loss [...],
                                       lse [...] */
    TFX_OP_CROSS_ENTROPY_GRAD = 60, /* in: logits, targets, lse, dloss [...]; out: dlogits,
                                       which may share logits' memory */
    TFX_OP_CUSTOM = 61,

    /* what a forward pass over new positions takes from the ones before; since minor 1. Positions are
     * 0 to N - 1, and a row may have one several times, with the same x */
    TFX_OP_INSERT = 62,           /* in: cache [B,N,...], x [B,T,...], positions i32 [B,T]; out: cache with
                                    its row positions[b,t] replaced by x[b,t]; may share cache's memory */
    TFX_OP_ATTENTION_CACHED = 63, /* in: q [B,T,H,D], k, v [B,N,H,D], positions i32 [B,T]; out
                                    [B,T,H,D]: query t sees keys 0 to positions[b,t]; reals[0] = scale; as for
                                    ATTENTION, k and v may have fewer heads and attributes be nonzero */

    /* rows again; since minor 1 */
    TFX_OP_TOPK =
        64 /* in: x [...,n]; out: like x, 1 for the ints[0] largest of each row, else 0. Of equal ones the first;
                        a NaN is larger than any number; -0 equals 0 */
} tfx_op;

/* ints[0] of ATTENTION and its gradient. */
enum { TFX_ATTENTION_BIDIRECTIONAL = 1u << 0, TFX_ATTENTION_ALIBI = 1u << 1 };

#define TFX_MAX_INTS 8
#define TFX_MAX_REALS 4

/* Where a value lives. A program uses two buffers, bound at each run. */
enum {
    TFX_BUFFER_NONE = 0,  /* inside a fused step only; of a RESHAPE never read; or of one of several results of a
                             CUSTOM that is never read */
    TFX_BUFFER_STATE = 1, /* persistent: parameters, optimizer state, inputs */
    TFX_BUFFER_ARENA = 2  /* reused within a run; contents undefined between runs */
};

typedef struct tfx_tensor {
    size_t struct_size;
    tfx_dtype dtype;
    uint32_t n_dims;
    int64_t dims[TFX_MAX_DIMS];
    uint32_t buffer; /* TFX_BUFFER_* */
    uint64_t offset; /* bytes from the buffer's start; a multiple of 64 */
} tfx_tensor;

struct tfx_op_class; /* op.h */

typedef struct tfx_node {
    size_t struct_size;
    tfx_op op;
    uint32_t n_in, n_out;
    const tfx_value *in, *out;
    int64_t ints[TFX_MAX_INTS];
    double reals[TFX_MAX_REALS];
    const struct tfx_op_class *custom; /* TFX_OP_CUSTOM only */
#if TFX_NEEDS_MINOR >= 1
    /* Since minor 1, of TFX_OP_CUSTOM with a kernel that wants scratch memory, for backends with TFX_BACKEND_KERNELS: bytes from the
     * arena's start, a multiple of 64, and how many there are. */
    uint64_t scratch_offset, scratch_bytes;
#endif
} tfx_node;

/* One unit of execution: a single node, or (only for backends with
 * TFX_BACKEND_FUSES_POINTWISE) a fused group: nodes in dependency order that are pointwise
 * over one common shape, the `domain`; BROADCAST nodes read from outside the group into
 * it; any SUM node in it sums the whole domain into one scalar. For backends with TFX_BACKEND_FUSES_ROWS, NORM,
 * SOFTMAX and their gradients, over the rows of the domain's last dimension, may be part of a group, too. Values of a group that are
 * read after it have a buffer and must be written; the others have TFX_BUFFER_NONE. An
 * output of a group may share memory with an operand of the same element size that the
 * group reads at the same index. */
typedef struct tfx_step {
    size_t struct_size;
    uint32_t n_nodes;
    const tfx_node *const *nodes;
    uint32_t n_dims; /* of the domain; fused groups only */
    int64_t dims[TFX_MAX_DIMS];
} tfx_step;

/* Everything lives until the program is destroyed by the host, which is after every
 * tfx_exec compiled from it. */
typedef struct tfx_program {
    size_t struct_size;
    uint32_t n_values;                /* handles are 1..n_values */
    const tfx_tensor *const *tensors; /* [n_values + 1]; [0] is NULL */
    uint32_t n_steps;
    const tfx_step *const *steps;
    uint64_t state_bytes, arena_bytes;
} tfx_program;

#ifdef __cplusplus
}
#endif
#endif
