/* An interpreter of graphs in plain C and double precision: what the engine is compared
 * with. Values are arrays of doubles; stores take effect only after everything has been
 * computed, which is what "a value never changes" means. */
#ifndef TFX_TESTS_INTERPRETER_H
#define TFX_TESTS_INTERPRETER_H

#include "tests/graph/interpreter_networks.h"

typedef struct interpreter {
    const lab *l;
    double **data;              /* per value */
    uint32_t n_values, n_nodes; /* done so far */
} interpreter;

static inline void interpreter_finish(interpreter *it)
{
    for (uint32_t v = 0; v < it->n_values; v++)
        free(it->data[v]);
    free(it->data);
}

static inline double bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float f;
    memcpy(&f, &wide, sizeof(f));
    return (double)f;
}

static inline double unary_value(tfx_unary kind, double x)
{
    switch (kind) {
    case TFX_NEG: return -x;
    case TFX_EXP: return exp(x);
    case TFX_LOG: return log(x);
    case TFX_SQRT: return sqrt(x);
    case TFX_RSQRT: return 1 / sqrt(x);
    case TFX_TANH: return tanh(x);
    case TFX_RELU: return x > 0 ? x : 0;
    case TFX_SILU: return x / (1 + exp(-x));
    case TFX_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case TFX_GELU_ERF: return x * 0.5 * erfc(-x / sqrt(2.0));
    case TFX_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    }
    return NAN;
}

static inline double compared(tfx_compare how, double x, double y)
{
    switch (how) {
    case TFX_LESS: return x < y;
    case TFX_LESS_EQUAL: return x <= y;
    case TFX_EQUAL: return x == y;
    case TFX_NOT_EQUAL: return x != y;
    case TFX_GREATER_EQUAL: return x >= y;
    case TFX_GREATER: return x > y;
    }
    return NAN;
}

/* Whether element i of a row belongs to its k largest: fewer than k come before it. */
static inline int is_chosen(const double *row, int64_t n, int64_t k, int64_t i)
{
    int64_t before = 0;
    for (int64_t j = 0; j < n; j++) {
        int larger = isnan(row[j]) ? !isnan(row[i]) : row[j] > row[i];
        int equal = isnan(row[j]) ? isnan(row[i]) : row[j] == row[i];
        before += larger || (equal && j < i);
    }
    return before < k;
}

/* Coordinates of flat index i within s, and back, for strides of `from` aligned right. */
static inline void unflatten(shape s, uint64_t i, int64_t *at)
{
    for (uint32_t d = s.n; d-- > 0;) {
        at[d] = (int64_t)(i % (uint64_t)s.d[d]);
        i /= (uint64_t)s.d[d];
    }
}

static inline uint64_t flatten(shape s, const int64_t *at)
{
    uint64_t i = 0;
    for (uint32_t d = 0; d < s.n; d++)
        i = i * (uint64_t)s.d[d] + (uint64_t)at[d];
    return i;
}

static inline void read_source(interpreter *it, const tfx_graph_node *n, double *out)
{
    const tfx_state_tensor *t = &it->l->state.tensors[n->ints[0]];
    const char *from = it->l->image + t->offset;
    for (uint64_t i = 0; i < t->elements; i++)
        out[i] = t->dtype == TFX_F32    ? (double)((const float *)from)[i]
                 : t->dtype == TFX_BF16 ? bf16_value(((const uint16_t *)from)[i])
                                        : (double)((const int32_t *)from)[i];
}

static inline void move_elements(interpreter *it, const tfx_graph_node *n, double *out)
{
    shape to = lab_shape(it->l, n->out);
    uint64_t total = shape_count(to);
    int64_t start = 0;
    memset(out, 0, total * sizeof(double));
    for (uint32_t k = 0; k < n->n_in; k++) {
        shape from = lab_shape(it->l, n->in[k]);
        const double *x = it->data[n->in[k]];
        for (uint64_t i = 0; i < (n->op == TFX_OP_SLICE || n->op == TFX_OP_BROADCAST ? total : shape_count(from));
             i++) {
            int64_t at[TFX_MAX_DIMS], src[TFX_MAX_DIMS];
            if (n->op == TFX_OP_BROADCAST || n->op == TFX_OP_SLICE) { /* for each result, where from */
                unflatten(to, i, at);
                for (uint32_t d = 0; d < from.n; d++)
                    src[d] = from.d[d] == 1 ? 0 : at[to.n - from.n + d];
                if (n->op == TFX_OP_SLICE)
                    src[n->ints[0]] = at[n->ints[0]] + n->ints[1];
                out[i] = x[flatten(from, src)];
                continue;
            }
            unflatten(from, i, src); /* for each operand, where to */
            for (uint32_t d = 0; d < to.n; d++)
                at[d] = n->op == TFX_OP_PERMUTE ? src[n->ints[d]] : src[d];
            if (n->op == TFX_OP_PAD)
                at[n->ints[0]] += n->ints[1];
            if (n->op == TFX_OP_CONCAT)
                at[n->ints[0]] += start;
            out[flatten(to, at)] = x[i];
        }
        if (n->op == TFX_OP_CONCAT)
            start += from.d[n->ints[0]];
    }
}

static inline void sum_up(interpreter *it, const tfx_graph_node *n, double *out)
{
    shape from = lab_shape(it->l, n->in[0]), kept = from;
    for (uint32_t d = 0; d < from.n; d++)
        if (n->ints[0] >> d & 1)
            kept.d[d] = 1;
    memset(out, 0, shape_count(kept) * sizeof(double));
    for (uint64_t i = 0; i < shape_count(from); i++) {
        int64_t at[TFX_MAX_DIMS];
        unflatten(from, i, at);
        for (uint32_t d = 0; d < from.n; d++)
            at[d] = kept.d[d] == 1 ? 0 : at[d];
        out[flatten(kept, at)] += it->data[n->in[0]][i];
    }
}

static inline void multiply(interpreter *it, const tfx_graph_node *n, double *out)
{
    shape a = lab_shape(it->l, n->in[0]), b = lab_shape(it->l, n->in[1]), y = lab_shape(it->l, n->out);
    int ta = (n->ints[0] & TFX_TRANS_A) != 0, tb = (n->ints[0] & TFX_TRANS_B) != 0;
    int64_t rows = y.d[y.n - 2], cols = y.d[y.n - 1], inner = ta ? a.d[a.n - 2] : a.d[a.n - 1];
    int64_t batches = (int64_t)shape_count(y) / (rows * cols);
    (void)b;
    for (int64_t q = 0; q < batches; q++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) {
                double s = 0;
                for (int64_t k = 0; k < inner; k++)
                    s += it->data[n->in[0]][q * rows * inner + (ta ? k * rows + i : i * inner + k)] *
                         it->data[n->in[1]][q * inner * cols + (tb ? j * inner + k : k * cols + j)];
                uint64_t at = (uint64_t)(q * rows * cols + i * cols + j);
                out[at] = n->reals[0] * s + (n->n_in > 2 ? n->reals[1] * it->data[n->in[2]][at] : 0);
            }
}

static inline void softmax_rows(interpreter *it, const tfx_graph_node *n, double *out)
{
    shape s = lab_shape(it->l, n->out);
    int64_t cols = s.d[s.n - 1];
    for (uint64_t r = 0; r < shape_count(s) / (uint64_t)cols; r++) {
        const double *x = it->data[n->in[0]] + r * (uint64_t)cols;
        double total = 0;
        for (int64_t j = 0; j < cols; j++)
            total += exp(x[j]);
        for (int64_t j = 0; j < cols; j++)
            out[r * (uint64_t)cols + (uint64_t)j] = exp(x[j]) / total;
    }
}

static inline void norm_rows(interpreter *it, const tfx_graph_node *n, double *out)
{
    shape s = lab_shape(it->l, n->out);
    int64_t cols = s.d[s.n - 1];
    for (uint64_t i = 0; i < shape_count(s); i += (uint64_t)cols)
        normalise_row(it->data[n->in[0]] + i, cols, (tfx_norm)n->ints[0], n->reals[0], out + i);
}

static inline void gather_rows(interpreter *it, const tfx_graph_node *n, double *out)
{
    int64_t width = lab_shape(it->l, n->in[0]).d[1];
    for (uint64_t i = 0; i < shape_count(lab_shape(it->l, n->in[1])); i++)
        memcpy(out + i * (uint64_t)width, it->data[n->in[0]] + (int64_t)it->data[n->in[1]][i] * width,
               sizeof(*out) * (size_t)width);
}

static inline void interpret_node(interpreter *it, const tfx_graph_node *n, double *out)
{
    uint64_t count = shape_count(lab_shape(it->l, n->out));
    const double *x = n->n_in ? it->data[n->in[0]] : NULL, *y = n->n_in > 1 ? it->data[n->in[1]] : NULL;
    switch (n->op) {
    case TFX_OP_INPUT:
    case TFX_OP_PARAM: read_source(it, n, out); return;
    case TFX_OP_SUM: sum_up(it, n, out); return;
    case TFX_OP_MATMUL: multiply(it, n, out); return;
    case TFX_OP_SOFTMAX: softmax_rows(it, n, out); return;
    case TFX_OP_BROADCAST:
    case TFX_OP_PERMUTE:
    case TFX_OP_SLICE:
    case TFX_OP_PAD:
    case TFX_OP_CONCAT: move_elements(it, n, out); return;
    case TFX_OP_NORM: norm_rows(it, n, out); return;
    case TFX_OP_ROPE: rotate_rows(lab_shape(it->l, n->out), x, n->ints[0], n->ints[1], n->reals[0], out); return;
    case TFX_OP_ATTENTION:
        attend(lab_shape(it->l, n->out), lab_shape(it->l, n->in[1]).d[2], n, x, y, it->data[n->in[2]], out);
        return;
    case TFX_OP_GATHER: gather_rows(it, n, out); return;
    default: break;
    }
    for (uint64_t i = 0; i < count; i++)
        switch (n->op) {
        case TFX_OP_CONST: out[i] = n->reals[0]; break;
        case TFX_OP_ADD: out[i] = x[i] + y[i]; break;
        case TFX_OP_SUB: out[i] = x[i] - y[i]; break;
        case TFX_OP_MUL: out[i] = x[i] * y[i]; break;
        case TFX_OP_DIV: out[i] = x[i] / y[i]; break;
        case TFX_OP_MAX: out[i] = isnan(x[i]) || isnan(y[i]) ? NAN : fmax(x[i], y[i]); break;
        case TFX_OP_MIN: out[i] = isnan(x[i]) || isnan(y[i]) ? NAN : fmin(x[i], y[i]); break;
        case TFX_OP_COMPARE: out[i] = compared((tfx_compare)n->ints[0], x[i], y[i]); break;
        case TFX_OP_TOPK: {
            uint64_t cols = (uint64_t)it->l->g.values[n->in[0]].dims[it->l->g.values[n->in[0]].n_dims - 1];
            out[i] = is_chosen(x + i / cols * cols, (int64_t)cols, n->ints[0], (int64_t)(i % cols));
            break;
        }
        case TFX_OP_AFFINE: out[i] = x[i] * n->reals[0] + n->reals[1]; break;
        case TFX_OP_UNARY: out[i] = unary_value((tfx_unary)n->ints[0], x[i]); break;
        case TFX_OP_CAST: /* not rounded: comparisons of bf16 results allow for it */
        case TFX_OP_RESHAPE: out[i] = x[i]; break;
        case TFX_OP_DROPOUT: {
            uint64_t key = (uint64_t)(uint32_t)(int32_t)y[0] << 32 | (uint32_t)(int32_t)y[1];
            double high = (double)(tfx_random_u64(key, (uint64_t)n->ints[0], i) >> 32);
            out[i] = high >= n->reals[0] * 0x1p32 ? x[i] / (1 - n->reals[0]) : 0;
            break;
        }
        default: ck_abort_msg("the interpreter does not know %s", tfx_op_name(n->op));
        }
}

/* Computes what has been added to the graph since the last call. */
static inline void interpret(interpreter *it, const lab *l)
{
    it->l = l;
    const tfx_graph *g = &l->g;
    it->data = tfx_realloc(it->data, g->n_values * sizeof(*it->data));
    while (it->n_values < g->n_values)
        it->data[it->n_values++] = NULL;
    for (; it->n_nodes < g->n_nodes; it->n_nodes++) {
        const tfx_graph_node *n = &g->nodes[it->n_nodes];
        if (n->op == TFX_OP_STORE)
            continue;
        it->data[n->out] = TFX_NEW_ARRAY(double, shape_count(lab_shape(l, n->out)));
        interpret_node(it, n, it->data[n->out]);
    }
}

#endif
