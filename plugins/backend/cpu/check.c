/* What this backend can execute. Everything a kernel relies on is checked here, so that
 * running a program cannot fail. */
#include "kernels.h"

#include <limits.h>
#include <string.h>

int tfx_cpu_is_pointwise(tfx_op op)
{
    return op == TFX_OP_STORE || (op >= TFX_OP_CONST && op <= TFX_OP_BROADCAST);
}

/* Operands and results of the node being checked. */
typedef struct operands {
    const tfx_node *node;
    const tfx_tensor *in[8], *out[4];
} operands;

static int is_float(const tfx_tensor *t)
{
    return t->dtype == TFX_F32 || t->dtype == TFX_BF16;
}

static int all_f32(const operands *o)
{
    for (uint32_t i = 0; i < o->node->n_in; i++)
        if (o->in[i]->dtype != TFX_F32)
            return 0;
    for (uint32_t i = 0; i < o->node->n_out; i++)
        if (o->out[i]->dtype != TFX_F32)
            return 0;
    return 1;
}

static int same_shape(const tfx_tensor *a, const tfx_tensor *b)
{
    if (a->n_dims != b->n_dims)
        return 0;
    for (uint32_t i = 0; i < a->n_dims; i++)
        if (a->dims[i] != b->dims[i])
            return 0;
    return 1;
}

/* a's dims followed by nothing, or by `last` when it is >= 0, equal b's. */
static int extends_by(const tfx_tensor *a, int64_t last, const tfx_tensor *b)
{
    if (b->n_dims != a->n_dims + 1 || b->dims[a->n_dims] != last)
        return 0;
    for (uint32_t i = 0; i < a->n_dims; i++)
        if (a->dims[i] != b->dims[i])
            return 0;
    return 1;
}

static const char *check_pointwise(const operands *o)
{
    const tfx_node *n = o->node;
    uint32_t n_in = n->op == TFX_OP_CONST ? 0
                    : n->op == TFX_OP_STORE || n->op == TFX_OP_DROPOUT || n->op == TFX_OP_UNARY_GRAD ||
                            (n->op >= TFX_OP_ADD && n->op <= TFX_OP_DIV)
                        ? 2
                        : 1;
    if (n->n_in != n_in || n->n_out != (n->op == TFX_OP_STORE ? 0u : 1u))
        return "a pointwise op with the wrong number of operands or results";
    uint32_t data_in = n->op == TFX_OP_DROPOUT ? 1 : n_in;
    for (uint32_t i = 0; i < data_in; i++)
        if (!is_float(o->in[i]))
            return "pointwise ops take f32 and bf16";
    if (n->n_out && !is_float(o->out[0]))
        return "pointwise ops give f32 and bf16";
    if (n->op == TFX_OP_DROPOUT) {
        if (o->in[1]->dtype != TFX_I32 || tfx_cpu_count(o->in[1]) != 2)
            return "dropout's key must be two i32 numbers";
        if (!(n->reals[0] >= 0.0 && n->reals[0] < 1.0))
            return "dropout's probability must be in [0, 1)";
    }
    if ((n->op == TFX_OP_UNARY || n->op == TFX_OP_UNARY_GRAD) &&
        (n->ints[0] < TFX_NEG || n->ints[0] > TFX_GELU_TANH))
        return "an unknown unary function";
    if (n->op == TFX_OP_BROADCAST) {
        const tfx_tensor *x = o->in[0], *y = o->out[0];
        if (x->n_dims > y->n_dims)
            return "broadcast cannot drop dimensions";
        for (uint32_t i = 0; i < x->n_dims; i++) {
            int64_t from = x->dims[i], to = y->dims[y->n_dims - x->n_dims + i];
            if (from != to && from != 1)
                return "broadcast stretches dimensions of size 1 only";
        }
        return NULL;
    }
    const tfx_tensor *shape = n->n_out ? o->out[0] : o->in[0];
    for (uint32_t i = 0; i < data_in; i++)
        if (tfx_cpu_count(o->in[i]) != tfx_cpu_count(shape))
            return "the operands of a pointwise op must have one shape";
    return NULL;
}

static const char *check_movement(const operands *o)
{
    const tfx_node *n = o->node;
    if (n->n_out != 1 || n->n_in < 1 || (n->op != TFX_OP_CONCAT && n->n_in != 1))
        return "a movement op with the wrong number of operands or results";
    const tfx_tensor *y = o->out[0], *x = o->in[0];
    if (x->dtype != y->dtype || x->n_dims != y->n_dims)
        return "movement keeps dtype and rank";
    if (n->op == TFX_OP_PERMUTE) {
        unsigned seen = 0;
        for (uint32_t i = 0; i < x->n_dims; i++) {
            int64_t a = n->ints[i];
            if (a < 0 || a >= (int64_t)x->n_dims || (seen & 1u << a) || y->dims[i] != x->dims[a])
                return "permute needs every axis once and the result's shape to follow";
            seen |= 1u << a;
        }
        return NULL;
    }
    int64_t axis = n->ints[0];
    if (axis < 0 || axis >= (int64_t)y->n_dims)
        return "an axis out of range";
    for (uint32_t i = 0; i < y->n_dims; i++)
        if ((int64_t)i != axis && x->dims[i] != y->dims[i])
            return "only the named axis may change its size";
    if (n->op == TFX_OP_CONCAT)
        return NULL; /* the operands beyond the eighth are checked by check_concat */
    int64_t start = n->ints[1], big = n->op == TFX_OP_SLICE ? x->dims[axis] : y->dims[axis];
    int64_t small = n->op == TFX_OP_SLICE ? y->dims[axis] : x->dims[axis];
    return start >= 0 && start + small <= big ? NULL : "a slice outside its tensor";
}

static const char *check_concat(const tfx_program *p, const tfx_node *n)
{
    const tfx_tensor *y = p->tensors[n->out[0]];
    int64_t axis = n->ints[0], sum = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tfx_tensor *x = p->tensors[n->in[i]];
        if (x->dtype != y->dtype || x->n_dims != y->n_dims)
            return "concat's operands must agree in dtype and rank";
        for (uint32_t d = 0; d < y->n_dims; d++)
            if ((int64_t)d != axis && x->dims[d] != y->dims[d])
                return "concat's operands may differ along its axis only";
        sum += x->dims[axis];
    }
    return sum == y->dims[axis] ? NULL : "concat's operands do not fill its result";
}

static const char *check_sum(const operands *o)
{
    const tfx_node *n = o->node;
    if (n->n_in != 1 || n->n_out != 1 || !all_f32(o))
        return "sum takes and gives one f32 tensor";
    const tfx_tensor *x = o->in[0];
    int64_t kept = 1;
    for (uint32_t i = 0; i < x->n_dims; i++)
        if (!(n->ints[0] >> i & 1))
            kept *= x->dims[i];
    return kept == tfx_cpu_count(o->out[0]) ? NULL : "sum's result does not have the axes that are kept";
}

static const char *check_matmul(const operands *o)
{
    const tfx_node *n = o->node;
    if (n->n_in < 2 || n->n_in > 3 || n->n_out != 1 || !all_f32(o))
        return "matmul takes two or three f32 tensors and gives one";
    const tfx_tensor *a = o->in[0], *b = o->in[1], *y = o->out[0];
    if (a->n_dims < 2 || b->n_dims < 2 || y->n_dims != a->n_dims)
        return "matmul needs matrices";
    int ta = (n->ints[0] & TFX_TRANS_A) != 0, tb = (n->ints[0] & TFX_TRANS_B) != 0;
    int64_t a0 = a->dims[a->n_dims - 2], a1 = a->dims[a->n_dims - 1];
    int64_t b0 = b->dims[b->n_dims - 2], b1 = b->dims[b->n_dims - 1];
    int64_t m = ta ? a1 : a0, k = ta ? a0 : a1, kb = tb ? b1 : b0, cols = tb ? b0 : b1;
    if (k != kb)
        return "matmul: inner dimensions differ";
    if (y->dims[y->n_dims - 2] != m || y->dims[y->n_dims - 1] != cols)
        return "matmul: the result has another shape";
    for (uint32_t i = 0; i + 2 < a->n_dims; i++)
        if (y->dims[i] != a->dims[i] || (b->n_dims != 2 && (b->n_dims != a->n_dims || b->dims[i] != a->dims[i])))
            return "matmul: leading dimensions differ";
    if (a->n_dims > 2 && b->n_dims == 2 && ta)
        return "matmul: a transposed batch against one matrix";
    int64_t rows = b->n_dims == 2 ? tfx_cpu_product(y->dims, 0, y->n_dims - 1) : m;
    if (rows > INT_MAX || cols > INT_MAX || k > INT_MAX)
        return "matmul: a dimension beyond what BLAS can count";
    if (n->n_in == 3 && tfx_cpu_count(o->in[2]) != tfx_cpu_count(y))
        return "matmul: the added matrix has another shape";
    return NULL;
}

static const char *check_rows(const operands *o)
{
    const tfx_node *n = o->node;
    int grad = n->op == TFX_OP_SOFTMAX_GRAD || n->op == TFX_OP_NORM_GRAD;
    if (n->n_in != (grad ? 2u : 1u) || n->n_out != 1 || !all_f32(o))
        return "a row op with the wrong operands";
    for (uint32_t i = 0; i < n->n_in; i++)
        if (!same_shape(o->in[i], o->out[0]) || o->in[i]->n_dims < 1)
            return "a row op keeps its shape, of rank 1 or more";
    if ((n->op == TFX_OP_NORM || n->op == TFX_OP_NORM_GRAD) &&
        (n->ints[0] < TFX_NORM_LAYER || n->ints[0] > TFX_NORM_L2))
        return "an unknown norm";
    return NULL;
}

static const char *check_rope(const operands *o)
{
    const tfx_node *n = o->node;
    if (n->n_in != 1 || n->n_out != 1 || !all_f32(o) || o->in[0]->n_dims != 4 || !same_shape(o->in[0], o->out[0]))
        return "rope takes and gives f32 [batch, time, heads, dims]";
    if (n->ints[0] < 0 || n->ints[0] % 2 || n->ints[0] > o->in[0]->dims[3])
        return "rope: the number of rotated dims must be even and at most the head's";
    if ((n->ints[1] != 1 && n->ints[1] != -1) || !(n->reals[0] > 0))
        return "rope: sign must be 1 or -1 and base positive";
    return NULL;
}

static const char *check_attention(const operands *o)
{
    const tfx_node *n = o->node;
    int grad = n->op == TFX_OP_ATTENTION_GRAD;
    if (n->n_in != (grad ? 6u : 3u) || n->n_out != (grad ? 3u : 2u) || !all_f32(o))
        return "attention with the wrong operands";
    const tfx_tensor *q = o->in[0], *lse = grad ? o->in[4] : o->out[1];
    if (q->n_dims != 4)
        return "attention takes [batch, time, heads, dims]";
    for (uint32_t i = 0; i < n->n_in; i++)
        if (o->in[i] != lse && !same_shape(o->in[i], q))
            return "attention: operands of different shapes";
    for (uint32_t i = 0; i < n->n_out; i++)
        if (o->out[i] != lse && !same_shape(o->out[i], q))
            return "attention: results of another shape";
    if (lse->n_dims != 3 || lse->dims[0] != q->dims[0] || lse->dims[1] != q->dims[2] ||
        lse->dims[2] != q->dims[1])
        return "attention: lse must be [batch, heads, time]";
    if (q->dims[1] > INT_MAX || q->dims[2] * q->dims[3] > INT_MAX)
        return "attention: a dimension beyond what BLAS can count";
    return NULL;
}

static const char *check_gather(const operands *o)
{
    const tfx_node *n = o->node;
    if (n->n_in != 2 || n->n_out != 1 || o->in[0]->n_dims != 2 || o->in[1]->dtype != TFX_I32 ||
        o->in[0]->dtype != TFX_F32 || o->out[0]->dtype != TFX_F32)
        return "gather takes an f32 table [n, d] and i32 indices";
    return extends_by(o->in[1], o->in[0]->dims[1], o->out[0]) ? NULL : "gather: the result has another shape";
}

static const char *check_gather_grad(const operands *o)
{
    const tfx_node *n = o->node;
    if (n->n_in < 2 || n->n_in > 3 || n->n_out != 1 || o->out[0]->n_dims != 2 || o->in[0]->dtype != TFX_I32 ||
        o->in[1]->dtype != TFX_F32 || o->out[0]->dtype != TFX_F32)
        return "gather_grad takes i32 indices and f32 rows";
    if (!extends_by(o->in[0], o->out[0]->dims[1], o->in[1]))
        return "gather_grad: rows and indices differ in shape";
    if (n->n_in == 3 && (o->in[2]->dtype != TFX_F32 || !same_shape(o->in[2], o->out[0])))
        return "gather_grad: the added table has another shape";
    return NULL;
}

static const char *check_loss(const operands *o)
{
    const tfx_node *n = o->node;
    int grad = n->op == TFX_OP_CROSS_ENTROPY_GRAD;
    if (n->n_in != (grad ? 4u : 2u) || n->n_out != (grad ? 1u : 2u))
        return "cross_entropy with the wrong operands";
    const tfx_tensor *x = o->in[0], *t = o->in[1];
    if (x->dtype != TFX_F32 || t->dtype != TFX_I32 || x->n_dims < 1 || !extends_by(t, x->dims[x->n_dims - 1], x))
        return "cross_entropy takes f32 logits [..., v] and i32 targets [...]";
    const tfx_tensor *rows[2] = {grad ? o->in[2] : o->out[0], grad ? o->in[3] : o->out[1]};
    for (int i = 0; i < 2; i++)
        if (rows[i]->dtype != TFX_F32 || tfx_cpu_count(rows[i]) != tfx_cpu_count(t))
            return "cross_entropy: one f32 per row expected";
    if (grad && (o->out[0]->dtype != TFX_F32 || !same_shape(o->out[0], x)))
        return "cross_entropy: the gradient must have the logits' shape";
    return NULL;
}

static const char *check_custom(const tfx_node *n)
{
    if (!n->custom || n->n_out != 1)
        return "a custom op without a class or with several results";
    if (!TFX_HAS(n->custom, kernels))
        return "a custom op without kernels";
    for (const tfx_kernel *const *k = n->custom->kernels; *k; k++)
        if (strcmp((*k)->device, "cpu") == 0 && TFX_HAS(*k, run))
            return NULL;
    return "a custom op without a kernel for the cpu";
}

const char *tfx_cpu_check_node(const tfx_program *p, const tfx_node *node)
{
    operands o = {.node = node};
    for (uint32_t i = 0; i < node->n_in; i++) {
        if (node->in[i] == 0 || node->in[i] > p->n_values)
            return "an operand that is not a value";
        if (i < 8)
            o.in[i] = p->tensors[node->in[i]];
    }
    for (uint32_t i = 0; i < node->n_out; i++) {
        if (node->out[i] == 0 || node->out[i] > p->n_values)
            return "a result that is not a value";
        if (i < 4)
            o.out[i] = p->tensors[node->out[i]];
    }
    if (tfx_cpu_is_pointwise(node->op))
        return check_pointwise(&o);
    const char *why;
    switch (node->op) {
    case TFX_OP_PERMUTE:
    case TFX_OP_SLICE:
    case TFX_OP_PAD:
        return check_movement(&o);
    case TFX_OP_CONCAT:
        why = check_movement(&o);
        return why ? why : check_concat(p, node);
    case TFX_OP_SUM:
        return check_sum(&o);
    case TFX_OP_MATMUL:
        return check_matmul(&o);
    case TFX_OP_SOFTMAX:
    case TFX_OP_SOFTMAX_GRAD:
    case TFX_OP_NORM:
    case TFX_OP_NORM_GRAD:
        return check_rows(&o);
    case TFX_OP_ROPE:
        return check_rope(&o);
    case TFX_OP_ATTENTION:
    case TFX_OP_ATTENTION_GRAD:
        return check_attention(&o);
    case TFX_OP_GATHER:
        return check_gather(&o);
    case TFX_OP_GATHER_GRAD:
        return check_gather_grad(&o);
    case TFX_OP_CROSS_ENTROPY:
    case TFX_OP_CROSS_ENTROPY_GRAD:
        return check_loss(&o);
    case TFX_OP_CUSTOM:
        return check_custom(node);
    default:
        return "an op that is not computed by steps";
    }
}
