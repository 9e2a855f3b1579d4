/* Every op that this backend computes: the rows that stand beside the kernels. */
#include "kernels.h"
#include "row_ops.h"

static const tfx_cpu_op *const families[] = {
    tfx_cpu_pointwise_ops, tfx_cpu_move_ops,   tfx_cpu_sum_ops,       tfx_cpu_matmul_ops, tfx_cpu_softmax_ops,
    tfx_cpu_norm_ops,      tfx_cpu_rope_ops,   tfx_cpu_attention_ops, tfx_cpu_cache_ops,  tfx_cpu_gather_ops,
    tfx_cpu_loss_ops,      tfx_cpu_custom_ops, tfx_cpu_topk_ops,
};

const tfx_cpu_op *tfx_cpu_op_row(tfx_op op)
{
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (const tfx_cpu_op *row = families[f]; row->compile; row++)
            if (row->op == op)
                return row;
    return NULL;
}

int tfx_cpu_is_pointwise(tfx_op op)
{
    const tfx_cpu_op *row = tfx_cpu_op_row(op);
    return row && row->compile == tfx_cpu_compile_pointwise;
}

static int is_norm(tfx_op op)
{
    return op == TFX_OP_NORM || op == TFX_OP_NORM_GRAD;
}

int tfx_cpu_is_row_op(tfx_op op)
{
    return is_norm(op) || op == TFX_OP_SOFTMAX || op == TFX_OP_SOFTMAX_GRAD;
}

tfx_cpu_row_op tfx_cpu_row_op_of(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *y = tfx_cpu_out(c, node, 0);
    tfx_cpu_row_op op = {.run = is_norm(node->op) ? tfx_cpu_norm : tfx_cpu_softmax, .cols = y->dims[y->n_dims - 1]};
    if (is_norm(node->op)) {
        op.norm = (tfx_norm)node->ints[0];
        op.eps = node->reals[0];
    }
    return op;
}

const char *tfx_cpu_check_node(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_cpu_op *row = tfx_cpu_op_row(node->op);
    if (!row)
        return "an op that is not computed by steps";
    if (node->n_in < row->min_in || node->n_in > row->max_in ||
        (row->n_out != TFX_CPU_ANY_RESULTS && node->n_out != row->n_out))
        return "an op with the wrong number of operands or results";
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i] == 0 || node->in[i] > c->program->n_values)
            return "an operand that is not a value";
    for (uint32_t i = 0; i < node->n_out; i++)
        if (node->out[i] == 0 || node->out[i] > c->program->n_values)
            return "a result that is not a value";
    return row->check(c, node);
}
