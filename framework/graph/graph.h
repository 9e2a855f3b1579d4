/* Graph: values and nodes in static single assignment, in the order they were emitted.
 *
 * A node's operands always have smaller handles than its results. Shapes are inferred when
 * a node is emitted; the first mistake is kept in the graph's error, prefixed with the layer
 * at fault, and the call returns TFX_POISON. */
#ifndef TFX_GRAPH_GRAPH_H
#define TFX_GRAPH_GRAPH_H

#include "framework/base/error.h"
#include "framework/graph/state.h"
#include "tfx/ir.h"
#include "tfx/op.h"

typedef struct tfx_graph_value {
    tfx_dtype dtype;
    uint32_t n_dims;
    int64_t dims[TFX_MAX_DIMS];
    uint32_t node;     /* that produces it */
    int requires_grad; /* depends on a trained parameter */
} tfx_graph_value;

enum {
    TFX_RECOMPUTED_REGION = 1, /* with all of its region: autodiff.h */
    TFX_RECOMPUTED_VALUE = 2   /* by itself: recompute.h */
};

typedef struct tfx_graph_node {
    tfx_op op;
    uint32_t n_in, n_out;
    tfx_value *in;
    tfx_value out;              /* first result; the others follow */
    int64_t ints[TFX_MAX_INTS]; /* INPUT and PARAM: ints[0] is the index in the state layout */
    double reals[TFX_MAX_REALS];
    const tfx_op_class *custom;
    double flops;     /* of a custom op */
    uint64_t scratch; /* bytes that all parts of its kernel share */
    uint32_t region;  /* recomputation region (a block), 0: none */
    int backward;     /* part of the backward pass */
    int recomputed;   /* TFX_RECOMPUTED_*: a copy made for the backward pass; 0: none */
    int update;       /* part of the optimizer's update */
    uint32_t site;    /* whose work it is: sites.h; 0: the host's own */
} tfx_graph_node;

/* Whether n is of the forward pass, or of a region of it that the backward pass does again. */
static inline int tfx_node_is_forward(const tfx_graph_node *n)
{
    return !n->backward || n->recomputed == TFX_RECOMPUTED_REGION;
}

/* The custom ops that were asked for, each once, also where they were lowered. */
typedef struct tfx_op_set {
    const tfx_op_class **items;
    size_t n, cap;
} tfx_op_set;

/* Values, each with who made it; in the order in which they were made. */
typedef struct tfx_made_value {
    tfx_value value;
    char *by;                      /* "layer blocks.3 (mlp)" */
    uint32_t first_node, end_node; /* emitted meanwhile */
} tfx_made_value;

typedef struct tfx_made_values {
    tfx_made_value *items;
    uint32_t n;
    size_t cap;
} tfx_made_values;

void tfx_made_values_finish(tfx_made_values *m);

typedef struct tfx_graph {
    tfx_graph_node *nodes;
    uint32_t n_nodes;
    size_t cap_nodes;
    tfx_graph_value *values; /* [0] stands for TFX_POISON */
    uint32_t n_values;       /* including [0] */
    size_t cap_values;
    tfx_value *state_values; /* per state tensor: its value here, or TFX_POISON */
    size_t n_state_values, cap_state_values;
    tfx_state_layout *state;             /* shared with other graphs; not owned */
    const struct tfx_registry *registry; /* custom ops by id; may be NULL */
    tfx_op_set *ops;                     /* collects; not owned; may be NULL */
    struct tfx_reports *reports;         /* collects what layers report; not owned; may be NULL */
    tfx_made_values *made;               /* collects what layers give back; not owned; may be NULL */
    struct tfx_sites *sites;             /* collects whose work nodes are; not owned; may be NULL */
    const char *device;                  /* whose kernels custom ops may use; NULL: none, always lower */
    int special_kernels;                 /* those with several results, phases and scratch memory, too */
    int training;                        /* whether a backward pass will follow, and dropout is active */
    tfx_value dropout_key;               /* i32 [2]; needed when training with dropout */
    int64_t n_dropouts;
    tfx_error *err; /* not owned */
    int refused;    /* the error is a layer's own, by what its builder has for that */

    /* Marks put on every node that is emitted. */
    const char *path; /* who is at work, for messages: "layer blocks.3 (mlp)"; NULL: the host itself */
    uint32_t region;
    int backward, recomputed, update;
    uint32_t site;
} tfx_graph;

void tfx_graph_init(tfx_graph *g, tfx_state_layout *state, tfx_error *err);
void tfx_graph_finish(tfx_graph *g);

/* Records an error in the name of the layer being built; returns TFX_POISON. */
tfx_value tfx_graph_fail(tfx_graph *g, const char *fmt, ...) TFX_PRINTF(2, 3);

uint64_t tfx_value_elements(const tfx_graph *g, tfx_value v);
/* The value whose memory v is a view of: follows RESHAPE to its origin. */
tfx_value tfx_value_base(const tfx_graph *g, tfx_value v);
const char *tfx_op_name(tfx_op op); /* "?" when it is none of the set; all else about ops: ops.h */

/* ---- emitting; operands of mismatching shape are an error unless said otherwise ---- */

/* A persistent tensor of the state layout (INPUT or PARAM). One node per tensor. */
tfx_value tfx_emit_state(tfx_graph *g, uint32_t index);
/* Numbers that are known now, f32 or i32, row-major; copied to the state layout, once for all that are equal. */
tfx_value tfx_emit_array(tfx_graph *g, tfx_dtype dtype, uint32_t n_dims, const int64_t *dims, const void *data);
void tfx_emit_store(tfx_graph *g, tfx_value value, tfx_value target);

tfx_value tfx_emit_constant(tfx_graph *g, double value, uint32_t n_dims, const int64_t *dims);
tfx_value tfx_emit_binary(tfx_graph *g, tfx_op op, tfx_value x, tfx_value y);        /* broadcasts */
tfx_value tfx_emit_compare(tfx_graph *g, tfx_compare how, tfx_value x, tfx_value y); /* broadcasts */
tfx_value tfx_emit_affine(tfx_graph *g, tfx_value x, double scale, double shift);
tfx_value tfx_emit_unary(tfx_graph *g, tfx_unary kind, tfx_value x);
tfx_value tfx_emit_unary_grad(tfx_graph *g, tfx_unary kind, tfx_value x, tfx_value dy);
tfx_value tfx_emit_cast(tfx_graph *g, tfx_value x, tfx_dtype dtype);
tfx_value tfx_emit_dropout(tfx_graph *g, tfx_value x, tfx_value key, double p, int64_t stream);
tfx_value tfx_emit_broadcast(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims);
tfx_value tfx_emit_reshape(tfx_graph *g, tfx_value x, uint32_t n_dims, const int64_t *dims); /* one -1 */
tfx_value tfx_emit_stop_gradient(tfx_graph *g, tfx_value x);
tfx_value tfx_emit_permute(tfx_graph *g, tfx_value x, const int *perm);
tfx_value tfx_emit_slice(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length);
tfx_value tfx_emit_pad(tfx_graph *g, tfx_value x, int axis, int64_t start, int64_t length);
tfx_value tfx_emit_concat(tfx_graph *g, uint32_t n, const tfx_value *xs, int axis);
tfx_value tfx_emit_sum(tfx_graph *g, tfx_value x, uint32_t mask, int keep_dims);
/* `c` may be TFX_POISON: none. Then the result is alpha*ab, else alpha*ab + c. */
tfx_value tfx_emit_matmul(tfx_graph *g, tfx_value a, tfx_value b, uint32_t flags, double alpha, tfx_value c);
tfx_value tfx_emit_softmax(tfx_graph *g, tfx_value x);
tfx_value tfx_emit_topk(tfx_graph *g, tfx_value x, int64_t k);
tfx_value tfx_emit_norm(tfx_graph *g, tfx_norm kind, tfx_value x, double eps);
tfx_value tfx_emit_norm_grad(tfx_graph *g, tfx_norm kind, tfx_value x, tfx_value dy, double eps);
tfx_value tfx_emit_rope(tfx_graph *g, tfx_value x, int64_t n_dims, int sign, double base);
tfx_value tfx_emit_rope_at(tfx_graph *g, tfx_value x, tfx_value positions, int64_t n_dims, double base);
/* o; o+1 = lse. `how` may be NULL. */
tfx_value tfx_emit_attention(tfx_graph *g, tfx_value q, tfx_value k, tfx_value v, double scale,
                             const tfx_attention *how);
tfx_value tfx_emit_insert(tfx_graph *g, tfx_value cache, tfx_value x, tfx_value positions);
/* Of a forward pass's attention `n`, with other operands. */
tfx_value tfx_emit_attention_cached(tfx_graph *g, const tfx_graph_node *n, tfx_value q, tfx_value k, tfx_value v,
                                    tfx_value positions);
tfx_value tfx_emit_gather(tfx_graph *g, tfx_value table, tfx_value indices);
tfx_value tfx_emit_cross_entropy(tfx_graph *g, tfx_value logits, tfx_value targets); /* loss; +1 = lse */
/* Sets all results of the op, to TFX_POISON where it fails. */
void tfx_emit_custom(tfx_graph *g, const tfx_op_class *cls, uint32_t n_in, const tfx_value *in, uint32_t n_ints,
                     const int64_t *ints, uint32_t n_reals, const double *reals, tfx_value *out);

#endif
