/* What each op means, in plain loops; tfx/ir.h has their operands. Included by my_plugin.c alone. */
#ifndef my_plugin_ops_included
#define my_plugin_ops_included

#include <math.h>
#include <string.h>

#include "tfx/tfx.h"

/* A program that is prepared: what the functions for ops get. */
struct tfx_exec {
    const tfx_host *host;
    const tfx_program *program;
    double *seconds; /* [n_steps] */
    char *base[3];   /* of the buffers, by TFX_BUFFER_*, while it runs */
};

/* ---- what all ops need ---- */

static const tfx_tensor *info(const tfx_exec *e, tfx_value v)
{
    return e->program->tensors[v];
}

static void *place(const tfx_exec *e, tfx_value v)
{
    return e->base[info(e, v)->buffer] + info(e, v)->offset;
}

static int64_t product(const int64_t *dims, uint32_t from, uint32_t to)
{
    int64_t n = 1;
    for (uint32_t i = from; i < to; i++)
        n *= dims[i];
    return n;
}

static int64_t count(const tfx_tensor *t)
{
    return product(t->dims, 0, t->n_dims);
}

static void strides_of(const tfx_tensor *t, int64_t *strides)
{
    for (uint32_t i = 0; i < t->n_dims; i++)
        strides[i] = product(t->dims, i + 1, t->n_dims);
}

/* Where element i of a tensor of these dims is, with these strides. */
static int64_t offset_of(int64_t i, uint32_t n_dims, const int64_t *dims, const int64_t *strides)
{
    int64_t at = 0;
    for (uint32_t k = n_dims; k-- > 0; i /= dims[k])
        at += i % dims[k] * strides[k];
    return at;
}

/* ---- pointwise: all operands and the result have one shape, and the result may be in an operand's place ---- */

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * sqrt(0.5));
}

/* f(x), and f'(x). */
static double unary(int64_t kind, double x, double *slope)
{
    const double pi = acos(-1.0);
    double y;
    switch (kind) {
    case TFX_NEG: *slope = -1; return -x;
    case TFX_EXP: return *slope = exp(x);
    case TFX_LOG: *slope = 1 / x; return log(x);
    case TFX_SQRT: *slope = 0.5 / sqrt(x); return sqrt(x);
    case TFX_RSQRT: *slope = -0.5 / (x * sqrt(x)); return 1 / sqrt(x);
    case TFX_TANH:
        y = tanh(x);
        *slope = 1 - y * y;
        return y;
    case TFX_RELU: *slope = x > 0; return x > 0 ? x : 0;
    case TFX_SILU:
        y = 1 / (1 + exp(-x));
        *slope = y * (1 + x * (1 - y));
        return x * y;
    case TFX_GELU_ERF:
        y = normal_cdf(x);
        *slope = y + x * exp(-x * x / 2) / sqrt(2 * pi);
        return x * y;
    default: /* TFX_GELU_TANH */
        y = tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x));
        *slope = 0.5 * (1 + y) + 0.5 * x * (1 - y * y) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x);
        return 0.5 * x * (1 + y);
    }
}

static void run_pointwise(const tfx_exec *e, const tfx_node *n)
{
    const float *x = n->n_in > 0 ? place(e, n->in[0]) : NULL, *y = n->n_in > 1 ? place(e, n->in[1]) : NULL;
    float *out = place(e, n->out[0]);
    double slope;
    for (int64_t i = 0; i < count(info(e, n->out[0])); i++)
        switch (n->op) {
        case TFX_OP_CONST: out[i] = (float)n->reals[0]; break;
        case TFX_OP_ADD: out[i] = x[i] + y[i]; break;
        case TFX_OP_SUB: out[i] = x[i] - y[i]; break;
        case TFX_OP_MUL: out[i] = x[i] * y[i]; break;
        case TFX_OP_DIV: out[i] = x[i] / y[i]; break;
        case TFX_OP_AFFINE: out[i] = (float)(x[i] * n->reals[0] + n->reals[1]); break;
        case TFX_OP_UNARY: out[i] = (float)unary(n->ints[0], x[i], &slope); break;
        default: /* TFX_OP_UNARY_GRAD: x, dy */ unary(n->ints[0], x[i], &slope); out[i] = (float)(y[i] * slope);
        }
}

static void run_dropout(const tfx_exec *e, const tfx_node *n)
{
    const float *x = place(e, n->in[0]);
    const int32_t *key = place(e, n->in[1]); /* of seed and step */
    float *out = place(e, n->out[0]);
    uint64_t seed = (uint64_t)(uint32_t)key[0] << 32 | (uint32_t)key[1];
    for (int64_t i = 0; i < count(info(e, n->out[0])); i++) {
        uint64_t drawn = e->host->random_u64(seed, (uint64_t)n->ints[0], (uint64_t)i) >> 32;
        out[i] = (double)drawn >= n->reals[0] * 4294967296.0 ? (float)(x[i] / (1 - n->reals[0])) : 0;
    }
}

/* f32 from bf16, which is its upper half; and to it, rounded to the nearest even. */
static void run_cast(const tfx_exec *e, const tfx_node *n)
{
    const char *x = place(e, n->in[0]);
    char *out = place(e, n->out[0]);
    int from = info(e, n->in[0])->dtype == TFX_BF16, to = info(e, n->out[0])->dtype == TFX_BF16;
    for (int64_t i = 0; i < count(info(e, n->out[0])); i++) {
        uint32_t bits = 0;
        uint16_t half = 0;
        memcpy(from ? (void *)&half : (void *)&bits, x + i * (from ? 2 : 4), from ? 2 : 4);
        if (from)
            bits = (uint32_t)half << 16;
        half = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40
                                                           : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        memcpy(out + i * (to ? 2 : 4), to ? (void *)&half : (void *)&bits, to ? 2 : 4);
    }
}

/* ---- movement ---- */

static void run_moved(const tfx_exec *e, const tfx_node *n)
{
    const tfx_tensor *in = info(e, n->in[0]), *to = info(e, n->out[0]);
    const float *x = place(e, n->in[0]);
    float *out = place(e, n->out[0]);
    int64_t of_in[TFX_MAX_DIMS], strides[TFX_MAX_DIMS], first = 0;
    uint32_t missing = to->n_dims - in->n_dims; /* dimensions that BROADCAST adds in front */
    strides_of(in, of_in);
    for (uint32_t i = 0; i < to->n_dims; i++)
        strides[i] = n->op == TFX_OP_PERMUTE                     ? of_in[n->ints[i]]
                     : i < missing || in->dims[i - missing] == 1 ? 0
                                                                 : of_in[i - missing];
    if (n->op == TFX_OP_SLICE)
        first = n->ints[1] * of_in[n->ints[0]];
    for (int64_t i = 0; i < count(to); i++)
        out[i] = x[first + offset_of(i, to->n_dims, to->dims, strides)];
}

/* PAD and CONCAT: operands one after the other along an axis; PAD's one begins at ints[1], and the rest is zero. */
static void run_joined(const tfx_exec *e, const tfx_node *n)
{
    const tfx_tensor *to = info(e, n->out[0]);
    float *out = place(e, n->out[0]);
    int64_t strides[TFX_MAX_DIMS], start = n->op == TFX_OP_PAD ? n->ints[1] : 0;
    strides_of(to, strides);
    memset(out, 0, (size_t)count(to) * sizeof(*out));
    for (uint32_t k = 0; k < n->n_in; k++) {
        const tfx_tensor *in = info(e, n->in[k]);
        const float *x = place(e, n->in[k]);
        for (int64_t i = 0; i < count(in); i++)
            out[start * strides[n->ints[0]] + offset_of(i, in->n_dims, in->dims, strides)] = x[i];
        start += in->dims[n->ints[0]];
    }
}

/* ---- reductions and matrices ---- */

static void run_sum(const tfx_exec *e, const tfx_node *n)
{
    const tfx_tensor *in = info(e, n->in[0]);
    const float *x = place(e, n->in[0]);
    float *out = place(e, n->out[0]);
    int64_t of_in[TFX_MAX_DIMS], dims[2][TFX_MAX_DIMS],
        strides[2][TFX_MAX_DIMS]; /* of what stays, of what is summed over */
    uint32_t n_dims[2] = {0, 0};
    strides_of(in, of_in);
    for (uint32_t i = 0; i < in->n_dims; i++) {
        int summed = n->ints[0] >> i & 1;
        dims[summed][n_dims[summed]] = in->dims[i];
        strides[summed][n_dims[summed]++] = of_in[i];
    }
    for (int64_t i = 0; i < product(dims[0], 0, n_dims[0]); i++) {
        double sum = 0;
        for (int64_t k = 0; k < product(dims[1], 0, n_dims[1]); k++)
            sum += x[offset_of(i, n_dims[0], dims[0], strides[0]) + offset_of(k, n_dims[1], dims[1], strides[1])];
        out[i] = (float)sum;
    }
}

/* reals[0] op(a) op(b) [+ reals[1] c]; out may be in c's place. */
static void run_matmul(const tfx_exec *e, const tfx_node *n)
{
    const tfx_tensor *ta = info(e, n->in[0]), *tb = info(e, n->in[1]);
    const float *a = place(e, n->in[0]), *b = place(e, n->in[1]), *c = n->n_in > 2 ? place(e, n->in[2]) : NULL;
    float *out = place(e, n->out[0]);
    int trans_a = n->ints[0] & TFX_TRANS_A, trans_b = (n->ints[0] & TFX_TRANS_B) != 0;
    const int64_t *da = ta->dims + ta->n_dims - 2, *db = tb->dims + tb->n_dims - 2;
    int64_t batches = tb->n_dims > 2 ? product(tb->dims, 0, tb->n_dims - 2) : 1; /* else a's leading dims are rows */
    int64_t inner = da[trans_a ? 0 : 1], cols = db[trans_b ? 0 : 1], rows = count(ta) / inner / batches;
    for (int64_t i = 0; i < batches * rows * cols; i++) {
        int64_t batch = i / (rows * cols), row = i / cols % rows, col = i % cols;
        const float *x = a + batch * rows * inner, *y = b + batch * inner * cols;
        double sum = 0;
        for (int64_t k = 0; k < inner; k++)
            sum += (double)x[trans_a ? k * rows + row : row * inner + k] *
                   y[trans_b ? col * inner + k : k * cols + col];
        out[i] = (float)(n->reals[0] * sum + (c ? n->reals[1] * c[i] : 0));
    }
}

/* ---- rows of the last axis ---- */

static void softmax_row(int64_t n, const float *x, float *y)
{
    double largest = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - largest);
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(exp(x[i] - largest) / sum);
}

static void softmax_grad_row(int64_t n, const float *y, const float *dy, float *dx)
{
    double dot = 0;
    for (int64_t i = 0; i < n; i++)
        dot += (double)y[i] * dy[i];
    for (int64_t i = 0; i < n; i++)
        dx[i] = (float)(y[i] * (dy[i] - dot));
}

/* y = (x - m) r with r = 1 / sqrt(c sum (x - m)^2 + eps), m the mean for LAYER alone, c = 1/n or, for L2, 1; with dy its
 * gradient. Where the root is 0, r is. */
static void norm_row(const tfx_node *node, int64_t n, const float *x, const float *dy, float *out)
{
    int layer = node->ints[0] == TFX_NORM_LAYER;
    double mean = 0, squares = 0, mean_dy = 0, dot = 0, c = node->ints[0] == TFX_NORM_L2 ? 1 : 1 / (double)n;
    for (int64_t i = 0; layer && i < n; i++) {
        mean += x[i] / (double)n;
        mean_dy += dy ? dy[i] / (double)n : 0;
    }
    for (int64_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
        dot += dy ? dy[i] * (x[i] - mean) : 0;
    }
    double root = sqrt(c * squares + node->reals[0]), r = root > 0 ? 1 / root : 0;
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(dy ? r * (dy[i] - mean_dy - (x[i] - mean) * r * r * c * dot) : (x[i] - mean) * r);
}

static void run_rows(const tfx_exec *e, const tfx_node *node)
{
    const tfx_tensor *t = info(e, node->in[0]);
    int64_t n = t->dims[t->n_dims - 1];
    const float *x = place(e, node->in[0]), *dy = node->n_in > 1 ? place(e, node->in[1]) : NULL;
    float *out = place(e, node->out[0]);
    for (int64_t at = 0; at < count(t); at += n)
        if (node->op == TFX_OP_SOFTMAX)
            softmax_row(n, x + at, out + at);
        else if (node->op == TFX_OP_SOFTMAX_GRAD)
            softmax_grad_row(n, x + at, dy + at, out + at);
        else
            norm_row(node, n, x + at, dy ? dy + at : NULL, out + at);
}

/* Pairs (i, i + half) of the first ints[0] numbers of each head turn by position * base^(-2i / ints[0]). */
static void run_rope(const tfx_exec *e, const tfx_node *n)
{
    const tfx_tensor *t = info(e, n->in[0]);
    const float *x = place(e, n->in[0]);
    const int32_t *positions = n->n_in > 1 ? place(e, n->in[1]) : NULL;
    float *out = place(e, n->out[0]);
    int64_t dim = t->dims[3], half = n->ints[0] / 2;
    for (int64_t row = 0; row < count(t) / dim; row++) {
        int64_t at = row / t->dims[2], position = positions ? positions[at] : at % t->dims[1];
        for (int64_t i = 0; i < dim; i++)
            out[row * dim + i] = x[row * dim + i];
        for (int64_t i = 0; i < half; i++) {
            double angle = (double)(n->ints[1] * position) * pow(n->reals[0], -2.0 * (double)i / (double)n->ints[0]);
            double a = x[row * dim + i], b = x[row * dim + i + half];
            out[row * dim + i] = (float)(a * cos(angle) - b * sin(angle));
            out[row * dim + i + half] = (float)(b * cos(angle) + a * sin(angle));
        }
    }
}

static double dot_of(int64_t n, const float *x, const float *y)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * y[i];
    return sum;
}

/* For each query t: softmax over the keys 0 to t. lse is the logarithm of the sum of exponentials. */
static void run_attention(const tfx_exec *e, const tfx_node *n)
{
    const int64_t *d = info(e, n->in[0])->dims, time = d[1], heads = d[2], dim = d[3], stride = heads * dim;
    const float *q = place(e, n->in[0]), *k = place(e, n->in[1]), *v = place(e, n->in[2]);
    float *o = place(e, n->out[0]), *lse = place(e, n->out[1]);
    for (int64_t row = 0; row < d[0] * heads * time; row++) {
        int64_t t = row % time, first = row / time / heads * time * stride + row / time % heads * dim;
        int64_t at = first + t * stride;
        double largest = -INFINITY, sum = 0;
        for (int64_t j = 0; j <= t; j++)
            largest = fmax(largest, n->reals[0] * dot_of(dim, q + at, k + first + j * stride));
        for (int64_t j = 0; j <= t; j++)
            sum += exp(n->reals[0] * dot_of(dim, q + at, k + first + j * stride) - largest);
        lse[row] = (float)(largest + log(sum));
        memset(o + at, 0, (size_t)dim * sizeof(*o));
        for (int64_t j = 0; j <= t; j++) {
            double p = exp(n->reals[0] * dot_of(dim, q + at, k + first + j * stride) - largest) / sum;
            for (int64_t i = 0; i < dim; i++)
                o[at + i] += (float)(p * v[first + j * stride + i]);
        }
    }
}

static void run_attention_grad(const tfx_exec *e, const tfx_node *n)
{
    const int64_t *d = info(e, n->in[0])->dims, time = d[1], heads = d[2], dim = d[3], stride = heads * dim;
    const float *q = place(e, n->in[0]), *k = place(e, n->in[1]), *v = place(e, n->in[2]);
    const float *o = place(e, n->in[3]), *lse = place(e, n->in[4]), *dout = place(e, n->in[5]);
    float *dq = place(e, n->out[0]), *dk = place(e, n->out[1]), *dv = place(e, n->out[2]);
    for (uint32_t i = 0; i < 3; i++)
        memset(place(e, n->out[i]), 0, (size_t)count(info(e, n->out[i])) * sizeof(float));
    for (int64_t row = 0; row < d[0] * heads * time; row++) {
        int64_t t = row % time, first = row / time / heads * time * stride + row / time % heads * dim;
        int64_t at = first + t * stride;
        double all = dot_of(dim, dout + at, o + at);
        for (int64_t j = 0; j <= t; j++) {
            int64_t key = first + j * stride;
            double p = exp(n->reals[0] * dot_of(dim, q + at, k + key) - lse[row]);
            double ds = p * (dot_of(dim, dout + at, v + key) - all) * n->reals[0];
            for (int64_t i = 0; i < dim; i++) {
                dq[at + i] += (float)(ds * k[key + i]);
                dk[key + i] += (float)(ds * q[at + i]);
                dv[key + i] += (float)(p * dout[at + i]);
            }
        }
    }
}

/* ---- tables and the loss ---- */

static void run_gather(const tfx_exec *e, const tfx_node *n)
{
    int grad = n->op == TFX_OP_GATHER_GRAD; /* indices, dy[, c]: rows are added to zero, or to c */
    const tfx_tensor *table = info(e, grad ? n->out[0] : n->in[0]);
    const int32_t *indices = place(e, n->in[grad ? 0 : 1]);
    const float *x = place(e, n->in[grad ? 1 : 0]);
    float *out = place(e, n->out[0]);
    size_t bytes = (size_t)count(table) * sizeof(*out);
    int64_t width = table->dims[1];
    if (grad && n->n_in > 2)
        memmove(out, place(e, n->in[2]), bytes); /* which may be out */
    else if (grad)
        memset(out, 0, bytes);
    for (int64_t i = 0; i < count(info(e, n->in[grad ? 0 : 1])); i++)
        for (int64_t j = 0; j < width; j++)
            if (grad)
                out[indices[i] * width + j] += x[i * width + j];
            else
                out[i * width + j] = x[indices[i] * width + j];
}

static void run_loss(const tfx_exec *e, const tfx_node *n)
{
    const tfx_tensor *t = info(e, n->in[0]);
    const float *logits = place(e, n->in[0]);
    const int32_t *targets = place(e, n->in[1]);
    int64_t vocab = t->dims[t->n_dims - 1];
    for (int64_t row = 0; row < count(t) / vocab; row++) {
        const float *x = logits + row * vocab;
        if (n->op == TFX_OP_CROSS_ENTROPY) {
            float *loss = place(e, n->out[0]), *lse = place(e, n->out[1]);
            double largest = x[0], sum = 0;
            for (int64_t i = 1; i < vocab; i++)
                largest = x[i] > largest ? x[i] : largest;
            for (int64_t i = 0; i < vocab; i++)
                sum += exp(x[i] - largest);
            lse[row] = (float)(largest + log(sum));
            loss[row] = targets[row] < 0 ? 0 : (float)(largest + log(sum) - x[targets[row]]);
        } else { /* logits, targets, lse, dloss; the result may be in the logits' place */
            const float *lse = place(e, n->in[2]), *dloss = place(e, n->in[3]);
            float *dx = (float *)place(e, n->out[0]) + row * vocab;
            for (int64_t i = 0; i < vocab; i++)
                dx[i] = targets[row] < 0 ? 0 : (float)((exp(x[i] - lse[row]) - (i == targets[row])) * dloss[row]);
        }
    }
}

/* Kernels of custom ops: for a device whose memory is the host's, those that name "cpu". */
static const tfx_kernel *kernel_of(const tfx_node *n)
{
    for (size_t i = 0; n->custom->kernels && n->custom->kernels[i]; i++)
        if (!strcmp(n->custom->kernels[i]->device, "cpu"))
            return n->custom->kernels[i];
    return NULL;
}

static void run_custom(const tfx_exec *e, const tfx_node *n)
{
    const void *in[8] = {NULL};
    const tfx_tensor *in_info[8] = {NULL};
    for (uint32_t i = 0; i < n->n_in; i++) {
        in[i] = place(e, n->in[i]);
        in_info[i] = info(e, n->in[i]);
    }
    tfx_kernel_args args = {sizeof(args),       n->n_in, in,       in_info, place(e, n->out[0]),
                            info(e, n->out[0]), n->ints, n->reals, 0,       1}; /* all of the work in one part */
    kernel_of(n)->run(&args);
}

static void run_store(const tfx_exec *e, const tfx_node *n)
{
    size_t bytes = (size_t)count(info(e, n->in[0])) * (info(e, n->in[0])->dtype == TFX_BF16 ? 2 : 4);
    memmove(place(e, n->in[1]), place(e, n->in[0]), bytes);
}

/* Which function executes an op; NULL: none does. */
typedef void (*run_fn)(const tfx_exec *e, const tfx_node *n);

static run_fn function_of(tfx_op op)
{
    switch (op) {
    case TFX_OP_STORE: return run_store;
    case TFX_OP_CONST:
    case TFX_OP_ADD:
    case TFX_OP_SUB:
    case TFX_OP_MUL:
    case TFX_OP_DIV:
    case TFX_OP_AFFINE:
    case TFX_OP_UNARY:
    case TFX_OP_UNARY_GRAD: return run_pointwise;
    case TFX_OP_CAST: return run_cast;
    case TFX_OP_DROPOUT: return run_dropout;
    case TFX_OP_BROADCAST:
    case TFX_OP_PERMUTE:
    case TFX_OP_SLICE: return run_moved;
    case TFX_OP_PAD:
    case TFX_OP_CONCAT: return run_joined;
    case TFX_OP_SUM: return run_sum;
    case TFX_OP_MATMUL: return run_matmul;
    case TFX_OP_SOFTMAX:
    case TFX_OP_SOFTMAX_GRAD:
    case TFX_OP_NORM:
    case TFX_OP_NORM_GRAD: return run_rows;
    case TFX_OP_ROPE: return run_rope;
    case TFX_OP_ATTENTION: return run_attention;
    case TFX_OP_ATTENTION_GRAD: return run_attention_grad;
    case TFX_OP_GATHER:
    case TFX_OP_GATHER_GRAD: return run_gather;
    case TFX_OP_CROSS_ENTROPY:
    case TFX_OP_CROSS_ENTROPY_GRAD: return run_loss;
    case TFX_OP_CUSTOM: return run_custom;
    default: return NULL;
    }
}

#endif
