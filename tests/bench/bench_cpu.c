/* How fast the CPU backend's main kernels are, at the shapes of a GPT-2 124M step of one
 * sequence of 1024 tokens.
 *
 *   TFX_PLUGIN_PATH=build/plugins build/tests/bench/bench-cpu [threads] [part of a name] [seconds per round]
 *
 * Each line gives the best and the median of several runs, and the median relative to that of
 * the limit measured beside it: a large matrix product, or reading and writing memory. Kernels
 * take turns, so that a disturbance hits all of them; with one thread, processor time is
 * counted instead of time, so that other programs disturb less. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REQUIRE(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, __VA_ARGS__); \
            exit(1); \
        } \
    } while (0)
#include "tests/bench/median.h"
#include "tests/plugins/program.h"

enum { MAX_KERNELS = 96, ROUNDS = 7, N_LIMITS = 2 }; /* kernels[0], [1]: FLOP/s, bytes/s */

typedef struct kernel {
    char name[64];
    program *g;
    double flops, bytes; /* one of them is 0 */
    tfx_exec *exec;
    double seconds[ROUNDS];
} kernel;

static kernel kernels[MAX_KERNELS];
static int n_kernels;
static const char *filter = "";

static double now(void)
{
    struct timespec t;
    clock_gettime(host_threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Registers the program g, unless its name is not asked for. */
static void add_kernel(program *g, double flops, double bytes, const char *fmt, ...) TFX_PRINTF(4, 5);
static void add_kernel(program *g, double flops, double bytes, const char *fmt, ...)
{
    kernel *k = &kernels[n_kernels];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(k->name, sizeof(k->name), fmt, ap);
    va_end(ap);
    if (n_kernels >= N_LIMITS && !strstr(k->name, filter)) {
        program_destroy(g);
        return;
    }
    k->g = g, k->flops = flops, k->bytes = bytes;
    n_kernels++;
}

static tfx_value state(program *g, shape s)
{
    return program_value(g, TFX_F32, s, TFX_BUFFER_STATE);
}

static void add_matmul(int64_t m, int64_t n, int64_t k, int flags, int add)
{
    program *g = program_create();
    shape sa = flags & TFX_TRANS_A ? SHAPE(k, m) : SHAPE(m, k), sb = flags & TFX_TRANS_B ? SHAPE(n, k) : SHAPE(k, n);
    tfx_value a = state(g, sa), b = state(g, sb), c = state(g, SHAPE(m, n));
    tfx_node *node = add ? ADD_SINGLE(g, TFX_OP_MATMUL, 3, 1, a, b, c, c) : ADD_SINGLE(g, TFX_OP_MATMUL, 2, 1, a, b, c);
    node->ints[0] = flags;
    node->reals[0] = node->reals[1] = 1;
    add_kernel(g, 2.0 * (double)m * (double)n * (double)k, 0, "matmul %lldx%lldx%lld%s%s%s", (long long)m, (long long)n,
               (long long)k, flags & TFX_TRANS_A ? " tA" : "", flags & TFX_TRANS_B ? " tB" : "", add ? " +=" : "");
}

static void add_matmuls(void)
{
    enum { T = 1024, D = 768, V = 50304 };
    static const int64_t widths[] = {D, 3 * D, 4 * D};
    for (int i = 0; i < 3; i++) {
        int64_t w = widths[i];
        add_matmul(T, w, D, TFX_TRANS_B, 0); /* y = x W^T */
        add_matmul(T, D, w, 0, 0);           /* dx = dy W */
        add_matmul(w, D, T, TFX_TRANS_A, 1); /* dW += dy^T x */
    }
    add_matmul(T, D, 4 * D, TFX_TRANS_B, 0);
    add_matmul(T, 4 * D, D, 0, 0);
    add_matmul(D, 4 * D, T, TFX_TRANS_A, 1);
    for (int64_t w = 256; w <= 3 * 256; w += 2 * 256) { /* small models: one of q, k and v, and all three at once */
        add_matmul(4 * T, w, 256, TFX_TRANS_B, 0);
        add_matmul(4 * T, 256, w, 0, 0);
        add_matmul(w, 256, 4 * T, TFX_TRANS_A, 1);
    }
    add_matmul(T, V, D, TFX_TRANS_B, 0);
    add_matmul(T, D, V, 0, 0);
    add_matmul(V, D, T, TFX_TRANS_A, 1);
}

static void add_attention(int bf16, int64_t b, int64_t t, int64_t h, int64_t d)
{
    tfx_value (*input)(program *, shape, float) = bf16 ? random_bf16 : random_input;
    const char *type = bf16 ? " bf16" : "";
    shape s = SHAPE(b, t, h, d), rows = SHAPE(b, h, t);
    /* Only what causality leaves: (t + 1) / 2 keys per query, 2 products forwards, 5 back. */
    double pairs = 0.5 * (double)(b * h) * (double)t * (double)(t + 1), product = 2.0 * pairs * (double)d;
    program *g = program_create();
    tfx_value q = input(g, s, 1), k = input(g, s, 1), v = input(g, s, 1);
    ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, q, k, v, result(g, s), result(g, rows))->reals[0] = 0.125;
    add_kernel(g, 2 * product, 0, "attention %lldx%lldx%lldx%lld%s", (long long)b, (long long)t, (long long)h,
               (long long)d, type);
    g = program_create();
    q = input(g, s, 1), k = input(g, s, 1), v = input(g, s, 1);
    tfx_value o = input(g, s, 1), d_o = input(g, s, 1), lse = random_input(g, rows, 1);
    float *l = program_data(g, lse);
    for (int64_t i = 0; i < shape_count(rows); i++)
        l[i] += 7;
    ADD_SINGLE(g, TFX_OP_ATTENTION_GRAD, 6, 3, q, k, v, o, lse, d_o, result(g, s), result(g, s), result(g, s))
        ->reals[0] = 0.125;
    add_kernel(g, 5 * product, 0, "attention_grad %lldx%lldx%lldx%lld%s", (long long)b, (long long)t, (long long)h,
               (long long)d, type);
}

static void add_rows(void)
{
    enum { T = 1024, D = 768, V = 50304 };
    shape s = SHAPE(T, D);
    double bytes = 4.0 * T * D;
    for (int kind = TFX_NORM_LAYER; kind <= TFX_NORM_L2; kind += 2) {
        program *g = program_create();
        ADD_SINGLE(g, TFX_OP_NORM, 1, 1, random_input(g, s, 1), state(g, s))->ints[0] = kind;
        add_kernel(g, 0, 2 * bytes, "norm %d", kind);
        g = program_create();
        ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, random_input(g, s, 1), random_input(g, s, 1), state(g, s))->ints[0] =
            kind;
        add_kernel(g, 0, 3 * bytes, "norm_grad %d", kind);
    }
    program *g;
    for (int64_t n = 12; n <= 192; n *= 4) { /* scores of small models */
        shape rows = SHAPE(T * D / n, n);
        g = program_create();
        ADD_SINGLE(g, TFX_OP_NORM, 1, 1, random_input(g, rows, 1), state(g, rows))->ints[0] = TFX_NORM_L2;
        add_kernel(g, 0, 2 * bytes, "norm of %lld", (long long)n);
        g = program_create();
        ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, random_input(g, rows, 1), random_input(g, rows, 1), state(g, rows))
            ->ints[0] = TFX_NORM_L2;
        add_kernel(g, 0, 3 * bytes, "norm_grad of %lld", (long long)n);
    }
    g = program_create();
    ADD_SINGLE(g, TFX_OP_SOFTMAX, 1, 1, state(g, s), state(g, s));
    add_kernel(g, 0, 2 * bytes, "softmax");
    g = program_create();
    tfx_value x = state(g, SHAPE(1, T, 12, 64));
    tfx_node *rope = ADD_SINGLE(g, TFX_OP_ROPE, 1, 1, x, state(g, SHAPE(1, T, 12, 64)));
    rope->ints[0] = 16, rope->ints[1] = 1, rope->reals[0] = 10000;
    add_kernel(g, 0, 2 * bytes, "rope");

    shape logits = SHAPE(T, V), rows = SHAPE(T);
    bytes = 4.0 * T * V;
    g = program_create();
    tfx_value t = program_value(g, TFX_I32, rows, TFX_BUFFER_STATE);
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY, 2, 2, state(g, logits), t, state(g, rows), state(g, rows));
    add_kernel(g, 0, bytes, "cross_entropy");
    g = program_create();
    t = program_value(g, TFX_I32, rows, TFX_BUFFER_STATE);
    x = state(g, logits);
    ADD_SINGLE(g, TFX_OP_CROSS_ENTROPY_GRAD, 4, 1, x, t, state(g, rows), state(g, rows), x);
    add_kernel(g, 0, 2 * bytes, "cross_entropy_grad in place");

    shape table = SHAPE(V, D);
    g = program_create();
    t = int_input(g, rows, 0, V - 1);
    ADD_SINGLE(g, TFX_OP_GATHER, 2, 1, state(g, table), t, state(g, s));
    add_kernel(g, 0, 2 * 4.0 * T * D, "gather");
    g = program_create();
    t = int_input(g, rows, 0, V - 1);
    ADD_SINGLE(g, TFX_OP_GATHER_GRAD, 2, 1, t, state(g, s), state(g, table));
    add_kernel(g, 0, 4.0 * V * D, "gather_grad");
}

static void add_sum(shape s, int mask, shape to)
{
    program *g = program_create();
    ADD_SINGLE(g, TFX_OP_SUM, 1, 1, state(g, s), state(g, to))->ints[0] = mask;
    add_kernel(g, 0, 4.0 * (double)shape_count(s), "sum %lldx%lld mask %d", (long long)s.d[0], (long long)s.d[1], mask);
}

static void add_permute(shape s, int a, int b, int c, int d)
{
    program *g = program_create();
    shape to = {4, {s.d[a], s.d[b], s.d[c], s.d[d]}};
    tfx_node *n = ADD_SINGLE(g, TFX_OP_PERMUTE, 1, 1, state(g, s), state(g, to));
    n->ints[0] = a, n->ints[1] = b, n->ints[2] = c, n->ints[3] = d;
    add_kernel(g, 0, 8.0 * (double)shape_count(s), "permute %d%d%d%d", a, b, c, d);
}

static void add_moves(void)
{
    add_sum(SHAPE(1024, 3072), 1, SHAPE(3072));
    add_sum(SHAPE(1024, 3072), 2, SHAPE(1024));
    add_sum(SHAPE(38000000, 1), 3, SCALAR);
    add_permute(SHAPE(8, 1024, 12, 64), 0, 2, 1, 3);
    add_permute(SHAPE(1, 1, 3072, 3072), 0, 1, 3, 2);
    program *g = program_create();
    tfx_value x = state(g, SHAPE(1024, 2304));
    tfx_node *n = ADD_SINGLE(g, TFX_OP_SLICE, 1, 1, x, state(g, SHAPE(1024, 768)));
    n->ints[0] = 1, n->ints[1] = 768;
    add_kernel(g, 0, 8.0 * 1024 * 768, "slice");
}

/* One pointwise function over the hidden layer of an MLP, forwards and backwards, in one layer
 * after the other, so that operands come from main memory as they do in a step. */
static void add_unary(tfx_unary kind, const char *name)
{
    enum { LAYERS = 6 };
    shape s = SHAPE(1024, 3072);
    program *g = program_create(), *back = program_create();
    for (int i = 0; i < LAYERS; i++) {
        ADD_SINGLE(g, TFX_OP_UNARY, 1, 1, state(g, s), state(g, s))->ints[0] = kind;
        ADD_SINGLE(back, TFX_OP_UNARY_GRAD, 2, 1, state(back, s), state(back, s), state(back, s))->ints[0] = kind;
    }
    add_kernel(g, 0, LAYERS * 8.0 * (double)shape_count(s), "%s", name);
    add_kernel(back, 0, LAYERS * 12.0 * (double)shape_count(s), "%s gradient", name);
}

static tfx_node *add_inside(program *g, tfx_op op, shape s, tfx_value x, tfx_value y, tfx_value *out)
{
    *out = inside(g, s);
    return y ? add_node(g, op, 2, 1, x, y, *out) : add_node(g, op, 1, 1, x, *out);
}

static tfx_value scaled(program *g, shape s, tfx_value x, double scale, double shift)
{
    tfx_value y;
    tfx_node *n = add_inside(g, TFX_OP_AFFINE, s, x, 0, &y);
    n->reals[0] = scale, n->reals[1] = shift;
    return y;
}

/* The nodes of the adamw plugin for a parameter [rows, cols]: m, v and p are replaced. */
static void add_adamw_step(program *g, int64_t rows, int64_t cols, tfx_value clip, tfx_value lr, tfx_value lr_decay)
{
    shape s = SHAPE(rows, cols), column = SHAPE(rows, 1);
    uint32_t before = g->n_nodes;
    tfx_value p = state(g, s), m = state(g, s), v = state(g, s), raw = state(g, s), c1 = state(g, column);
    tfx_value c2 = state(g, column), t, grad, square, root, ratio, update, next_m, next_v, next_p;
    add_inside(g, TFX_OP_BROADCAST, s, clip, 0, &t);
    add_inside(g, TFX_OP_MUL, s, raw, t, &grad);
    add_inside(g, TFX_OP_ADD, s, scaled(g, s, m, 0.9, 0), scaled(g, s, grad, 0.1, 0), &next_m);
    add_inside(g, TFX_OP_MUL, s, grad, grad, &square);
    add_inside(g, TFX_OP_ADD, s, scaled(g, s, v, 0.95, 0), scaled(g, s, square, 0.05, 0), &next_v);
    add_inside(g, TFX_OP_BROADCAST, s, c2, 0, &t);
    add_inside(g, TFX_OP_DIV, s, next_v, t, &ratio);
    add_inside(g, TFX_OP_UNARY, s, ratio, 0, &root)->ints[0] = TFX_SQRT;
    tfx_value denominator = scaled(g, s, root, 1, 1e-8), weight, decayed, numerator;
    add_inside(g, TFX_OP_BROADCAST, s, lr_decay, 0, &weight);
    add_inside(g, TFX_OP_MUL, s, p, weight, &decayed);
    add_inside(g, TFX_OP_BROADCAST, s, c1, 0, &t);
    tfx_value rate, per_row;
    add_inside(g, TFX_OP_BROADCAST, s, lr, 0, &rate);
    add_inside(g, TFX_OP_DIV, s, rate, t, &per_row);
    add_inside(g, TFX_OP_MUL, s, next_m, per_row, &numerator);
    add_inside(g, TFX_OP_DIV, s, numerator, denominator, &update);
    add_inside(g, TFX_OP_SUB, s, decayed, update, &next_p);
    add_node(g, TFX_OP_STORE, 2, 0, next_m, m);
    add_node(g, TFX_OP_STORE, 2, 0, next_v, v);
    add_node(g, TFX_OP_STORE, 2, 0, next_p, p);
    add_step(g, g->n_nodes - before, s);
}

static void add_adamw(int64_t rows, int64_t cols, int n)
{
    program *g = program_create();
    tfx_value clip = state(g, SCALAR), lr = state(g, SCALAR), decay = state(g, SCALAR);
    for (int i = 0; i < n; i++)
        add_adamw_step(g, rows, cols, clip, lr, decay);
    add_kernel(g, 0, 28.0 * (double)(n * rows * cols), "adamw %d x %lldx%lld", n, (long long)rows, (long long)cols);
}

/* The sum of squares for clipping. */
static void add_sum_of_squares(int64_t rows, int64_t cols, int n)
{
    program *g = program_create();
    shape s = SHAPE(rows, cols);
    for (int i = 0; i < n; i++) {
        tfx_value x = state(g, s), y;
        add_inside(g, TFX_OP_MUL, s, x, x, &y);
        add_node(g, TFX_OP_SUM, 1, 1, y, state(g, SCALAR))->ints[0] = 3;
        add_step(g, 2, s);
    }
    add_kernel(g, 0, 4.0 * (double)(n * rows * cols), "sum of squares %d x %lldx%lld", n, (long long)rows,
               (long long)cols);
}

/* Bias and residual: rows stretched over a matrix. */
static void add_bias(void)
{
    shape s = SHAPE(1024, 768);
    program *g = program_create();
    tfx_value x = state(g, s), r = state(g, s), bias = state(g, SHAPE(768)), scale = state(g, SHAPE(1024, 1));
    tfx_value b = inside(g, s), c = inside(g, s), t = inside(g, s), u = inside(g, s), y = state(g, s);
    add_node(g, TFX_OP_BROADCAST, 1, 1, bias, b);
    add_node(g, TFX_OP_ADD, 2, 1, x, b, t);
    add_node(g, TFX_OP_BROADCAST, 1, 1, scale, c);
    add_node(g, TFX_OP_MUL, 2, 1, t, c, u);
    add_node(g, TFX_OP_ADD, 2, 1, u, r, y);
    add_step(g, 5, s);
    add_kernel(g, 0, 12.0 * 1024 * 768, "bias, row scale and residual");
}

static void add_copy(void)
{
    shape s = SHAPE(64 << 20);
    program *g = program_create();
    tfx_value x = state(g, s);
    tfx_node *n = ADD_SINGLE(g, TFX_OP_AFFINE, 1, 1, x, x);
    n->reals[0] = 1;
    add_kernel(g, 0, 8.0 * (64 << 20), "read and write 268 MB");
}

int main(int argc, char **argv)
{
    const tfx_backend_class *cls = cpu_backend();
    host_threads = argc > 1 ? atoi(argv[1]) : 0;
    filter = argc > 2 ? argv[2] : "";
    double window = argc > 3 ? atof(argv[3]) : 0.02;
    add_matmul(1024, 2048, 1024, 0, 0);
    add_copy();
    add_matmuls();
    for (int bf16 = 0; bf16 < 2; bf16++) {
        for (int64_t t = 1024; t <= 8192; t *= 2)
            add_attention(bf16, 1, t, t <= 2048 ? 12 : 4, 64);
        add_attention(bf16, 8, 256, 12, 64);
        add_attention(bf16, 1, 1024, 24, 32);
        add_attention(bf16, 1, 2048, 6, 128);
    }
    add_rows();
    add_moves();
    add_unary(TFX_EXP, "exp");
    add_unary(TFX_TANH, "tanh");
    add_unary(TFX_SILU, "silu");
    add_unary(TFX_GELU_ERF, "gelu_erf");
    add_unary(TFX_GELU_TANH, "gelu_tanh");
    add_bias();
    add_adamw(50304, 768, 1);
    add_adamw(768, 768, 12);
    add_adamw(32, 768, 1); /* in cache: the arithmetic alone */
    add_sum_of_squares(50304, 768, 1);
    add_sum_of_squares(768, 768, 24);

    /* One pair of buffers that fits every program. */
    uint64_t bytes[3] = {0, 0, 0};
    for (int i = 0; i < n_kernels; i++)
        for (int b = 1; b < 3; b++)
            if (buffer_bytes(kernels[i].g, b) > bytes[b])
                bytes[b] = buffer_bytes(kernels[i].g, b);
    tfx_backend *b;
    tfx_buffer *buffers[3] = {NULL, NULL, NULL};
    if (cls->open(&test_host, NULL, &b) || cls->buffer_create(b, bytes[1], &buffers[1]) ||
        cls->buffer_create(b, bytes[2], &buffers[2])) {
        fprintf(stderr, "%s\n", host_message);
        return 1;
    }
    printf("%s\n", cls->describe(b));
    for (int i = 0; i < n_kernels; i++)
        if (cls->compile(b, &kernels[i].g->p, &kernels[i].exec)) {
            fprintf(stderr, "%s: %s\n", kernels[i].name, host_message);
            return 1;
        }
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < n_kernels; i++) {
            kernel *k = &kernels[i];
            for (uint32_t v = 1; v <= k->g->p.n_values; v++)
                if (k->g->data[v])
                    cls->upload(b, buffers[k->g->tensors[v].buffer], k->g->tensors[v].offset, k->g->data[v],
                                value_bytes(k->g, v));
            cls->run(k->exec, buffers[1], buffers[2]);
            int times = 0;
            double start = now();
            do {
                cls->run(k->exec, buffers[1], buffers[2]);
                times++;
            } while (now() - start < window);
            k->seconds[r] = (now() - start) / times;
        }
    printf("%.0f GFLOP/s by measure_flops\n", 1e-9 * cls->measure_flops(b));
    printf("%-36s %10s %10s %17s %13s\n", "kernel", "best", "median", "of limit", "median");
    double limits[N_LIMITS] = {0};
    for (int i = 0; i < n_kernels; i++) {
        kernel *k = &kernels[i];
        double middle = median(k->seconds, ROUNDS), work = k->flops > 0 ? k->flops : k->bytes;
        if (i < N_LIMITS)
            limits[i] = work / middle;
        printf("%-36s %10.1f %10.1f %s %6.0f%% %10.3f ms\n", k->name, 1e-9 * work / k->seconds[0], 1e-9 * work / middle,
               k->flops > 0 ? "GFLOP/s" : "GB/s   ", 100 * work / middle / limits[k->flops > 0 ? 0 : 1], 1e3 * middle);
        cls->exec_destroy(k->exec);
        program_destroy(k->g);
    }
    cls->buffer_destroy(b, buffers[1]);
    cls->buffer_destroy(b, buffers[2]);
    cls->close(b);
    return 0;
}
