/* Storage of the graph; see emit.c for shape inference. */
#include "framework/graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"

void tfx_graph_init(tfx_graph *g, tfx_state_layout *state, tfx_error *err)
{
    *g = (tfx_graph){.state = state, .err = err};
    TFX_APPEND(g->values, g->n_values, g->cap_values)->dtype = TFX_F32;
}

void tfx_graph_finish(tfx_graph *g)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        free(g->nodes[i].in);
    free(g->nodes);
    free(g->values);
    free(g->state_values);
    *g = (tfx_graph){0};
}

tfx_value tfx_graph_fail(tfx_graph *g, const char *fmt, ...)
{
    if (g->err->status == TFX_OK) {
        va_list ap;
        va_start(ap, fmt);
        tfx_vfail(g->err, TFX_E_INVALID, fmt, ap);
        va_end(ap);
        if (g->path)
            tfx_error_prefix(g->err, "%s", g->path);
    }
    return TFX_POISON;
}

uint64_t tfx_value_elements(const tfx_graph *g, tfx_value v)
{
    return tfx_shape_elements(g->values[v].n_dims, g->values[v].dims);
}

static const struct {
    tfx_op op;
    const char *name;
} op_names[] = {
    {TFX_OP_INPUT, "input"}, {TFX_OP_PARAM, "param"}, {TFX_OP_STORE, "store"}, {TFX_OP_CONST, "constant"},
    {TFX_OP_ADD, "add"}, {TFX_OP_SUB, "sub"}, {TFX_OP_MUL, "mul"}, {TFX_OP_DIV, "div"},
    {TFX_OP_AFFINE, "affine"}, {TFX_OP_UNARY, "unary"}, {TFX_OP_UNARY_GRAD, "unary_grad"},
    {TFX_OP_CAST, "cast"}, {TFX_OP_DROPOUT, "dropout"}, {TFX_OP_BROADCAST, "broadcast"},
    {TFX_OP_RESHAPE, "reshape"}, {TFX_OP_PERMUTE, "permute"}, {TFX_OP_SLICE, "slice"},
    {TFX_OP_PAD, "pad"}, {TFX_OP_CONCAT, "concat"}, {TFX_OP_SUM, "sum"}, {TFX_OP_MATMUL, "matmul"},
    {TFX_OP_SOFTMAX, "softmax"}, {TFX_OP_SOFTMAX_GRAD, "softmax_grad"}, {TFX_OP_NORM, "norm"},
    {TFX_OP_NORM_GRAD, "norm_grad"}, {TFX_OP_ROPE, "rope"}, {TFX_OP_ATTENTION, "attention"},
    {TFX_OP_ATTENTION_GRAD, "attention_grad"}, {TFX_OP_GATHER, "gather"},
    {TFX_OP_GATHER_GRAD, "gather_grad"}, {TFX_OP_CROSS_ENTROPY, "cross_entropy"},
    {TFX_OP_CROSS_ENTROPY_GRAD, "cross_entropy_grad"}, {TFX_OP_CUSTOM, "custom"},
};

const char *tfx_op_name(tfx_op op)
{
    for (size_t i = 0; i < sizeof(op_names) / sizeof(*op_names); i++)
        if (op_names[i].op == op)
            return op_names[i].name;
    return "?";
}

int tfx_op_is_pointwise(tfx_op op)
{
    return op >= TFX_OP_CONST && op <= TFX_OP_BROADCAST;
}
