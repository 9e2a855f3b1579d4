/* How fast the CPU backend's main kernels are, at the shapes of a GPT-2 124M step of one
 * sequence of 1024 tokens.
 *
 *   TFX_PLUGIN_PATH=build build/tests/bench-cpu [threads] [part of a name]
 *
 * Each line gives the best and the median of several runs, and the best relative to what the
 * machine can do, measured now: matrix FLOP/s, or bytes moved per second by a copy. Kernels
 * take turns, so that a disturbance hits all of them. */
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
#include "tests/plugins/program.h"

enum { MAX_KERNELS = 64, ROUNDS = 7 };

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
    clock_gettime(CLOCK_MONOTONIC, &t);
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
    if (!strstr(k->name, filter)) {
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
        add_matmul(T, w, D, TFX_TRANS_B, 0);    /* y = x W^T */
        add_matmul(T, D, w, 0, 0);              /* dx = dy W */
        add_matmul(w, D, T, TFX_TRANS_A, 1);    /* dW += dy^T x */
    }
    add_matmul(T, D, 4 * D, TFX_TRANS_B, 0);
    add_matmul(T, 4 * D, D, 0, 0);
    add_matmul(D, 4 * D, T, TFX_TRANS_A, 1);
    add_matmul(T, V, D, TFX_TRANS_B, 0);
    add_matmul(T, D, V, 0, 0);
    add_matmul(V, D, T, TFX_TRANS_A, 1);
}

static void add_attention(int64_t b, int64_t t, int64_t h, int64_t d)
{
    shape s = SHAPE(b, t, h, d), rows = SHAPE(b, h, t);
    /* Only what causality leaves: (t + 1) / 2 keys per query, 2 products forwards, 5 back. */
    double pairs = 0.5 * (double)(b * h) * (double)t * (double)(t + 1), product = 2.0 * pairs * (double)d;
    program *g = program_create();
    tfx_value q = random_input(g, s, 1), k = random_input(g, s, 1), v = random_input(g, s, 1);
    ADD_SINGLE(g, TFX_OP_ATTENTION, 3, 2, q, k, v, result(g, s), result(g, rows))->reals[0] = 0.125;
    add_kernel(g, 2 * product, 0, "attention %lldx%lldx%lldx%lld", (long long)b, (long long)t, (long long)h, (long long)d);
    g = program_create();
    q = random_input(g, s, 1), k = random_input(g, s, 1), v = random_input(g, s, 1);
    tfx_value o = random_input(g, s, 1), d_o = random_input(g, s, 1), lse = random_input(g, rows, 1);
    float *l = program_data(g, lse);
    for (int64_t i = 0; i < shape_count(rows); i++)
        l[i] += 7;
    ADD_SINGLE(g, TFX_OP_ATTENTION_GRAD, 6, 3, q, k, v, o, lse, d_o, result(g, s), result(g, s), result(g, s))->reals[0] =
        0.125;
    add_kernel(g, 5 * product, 0, "attention_grad %lldx%lldx%lldx%lld", (long long)b, (long long)t, (long long)h,
               (long long)d);
}

static void add_rows(void)
{
    enum { T = 1024, D = 768, V = 50304 };
    shape s = SHAPE(T, D);
    double bytes = 4.0 * T * D;
    for (int kind = TFX_NORM_LAYER; kind <= TFX_NORM_L2; kind += 2) {
        program *g = program_create();
        ADD_SINGLE(g, TFX_OP_NORM, 1, 1, state(g, s), state(g, s))->ints[0] = kind;
        add_kernel(g, 0, 2 * bytes, "norm %d", kind);
        g = program_create();
        ADD_SINGLE(g, TFX_OP_NORM_GRAD, 2, 1, state(g, s), state(g, s), state(g, s))->ints[0] = kind;
        add_kernel(g, 0, 3 * bytes, "norm_grad %d", kind);
    }
    program *g = program_create();
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

/* One pointwise function over the hidden layer of an MLP, forwards and backwards. */
static void add_unary(tfx_unary kind, const char *name)
{
    shape s = SHAPE(1024, 3072);
    program *g = program_create();
    ADD_SINGLE(g, TFX_OP_UNARY, 1, 1, state(g, s), state(g, s))->ints[0] = kind;
    add_kernel(g, 0, 8.0 * (double)shape_count(s), "%s", name);
    g = program_create();
    ADD_SINGLE(g, TFX_OP_UNARY_GRAD, 2, 1, state(g, s), state(g, s), state(g, s))->ints[0] = kind;
    add_kernel(g, 0, 12.0 * (double)shape_count(s), "%s gradient", name);
}

/* m, v and p of 38 million parameters replaced, as an optimizer's update does it. */
static void add_adamw(void)
{
    shape s = SHAPE(38000000);
    program *g = program_create();
    tfx_value p = state(g, s), m = state(g, s), v = state(g, s), grad = state(g, s), lr = state(g, SCALAR);
    tfx_value t[16];
    for (int i = 0; i < 16; i++)
        t[i] = inside(g, s);
    add_node(g, TFX_OP_AFFINE, 1, 1, m, t[0])->reals[0] = 0.9;
    add_node(g, TFX_OP_AFFINE, 1, 1, grad, t[1])->reals[0] = 0.1;
    add_node(g, TFX_OP_ADD, 2, 1, t[0], t[1], t[2]);
    add_node(g, TFX_OP_MUL, 2, 1, grad, grad, t[3]);
    add_node(g, TFX_OP_AFFINE, 1, 1, t[3], t[4])->reals[0] = 0.05;
    add_node(g, TFX_OP_AFFINE, 1, 1, v, t[5])->reals[0] = 0.95;
    add_node(g, TFX_OP_ADD, 2, 1, t[4], t[5], t[6]);
    add_node(g, TFX_OP_STORE, 2, 0, t[2], m);
    add_node(g, TFX_OP_STORE, 2, 0, t[6], v);
    add_node(g, TFX_OP_UNARY, 1, 1, t[6], t[7])->ints[0] = TFX_SQRT;
    tfx_node *eps = add_node(g, TFX_OP_AFFINE, 1, 1, t[7], t[8]);
    eps->reals[0] = 1, eps->reals[1] = 1e-8;
    add_node(g, TFX_OP_DIV, 2, 1, t[2], t[8], t[9]);
    add_node(g, TFX_OP_AFFINE, 1, 1, p, t[10])->reals[0] = 0.1;
    add_node(g, TFX_OP_ADD, 2, 1, t[9], t[10], t[11]);
    add_node(g, TFX_OP_BROADCAST, 1, 1, lr, t[12]);
    add_node(g, TFX_OP_MUL, 2, 1, t[12], t[11], t[13]);
    add_node(g, TFX_OP_SUB, 2, 1, p, t[13], t[14]);
    add_node(g, TFX_OP_STORE, 2, 0, t[14], p);
    add_step(g, 18, s);
    add_kernel(g, 0, 28.0 * 38e6, "adamw 38M");
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

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    const tfx_backend_class *cls = cpu_backend();
    host_threads = argc > 1 ? atoi(argv[1]) : 0;
    filter = argc > 2 ? argv[2] : "";
    add_copy();
    add_matmuls();
    add_attention(1, 1024, 12, 64);
    add_attention(8, 256, 12, 64);
    add_attention(1, 4096, 4, 128);
    add_rows();
    add_moves();
    add_unary(TFX_EXP, "exp");
    add_unary(TFX_TANH, "tanh");
    add_unary(TFX_SILU, "silu");
    add_unary(TFX_GELU_ERF, "gelu_erf");
    add_unary(TFX_GELU_TANH, "gelu_tanh");
    add_bias();
    add_adamw();

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
    double flops = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double f = cls->measure_flops(b);
        flops = f > flops ? f : flops;
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
            } while (now() - start < 0.02);
            k->seconds[r] = (now() - start) / times;
        }
    }
    double bandwidth = 0;
    if (n_kernels && strncmp(kernels[0].name, "read", 4) == 0) {
        qsort(kernels[0].seconds, ROUNDS, sizeof(double), compare);
        bandwidth = kernels[0].bytes / kernels[0].seconds[0];
    }
    printf("%.0f GFLOP/s by measure_flops\n%-36s %10s %10s %8s\n", flops * 1e-9, "kernel", "best", "median", "of limit");
    for (int i = 0; i < n_kernels; i++) {
        kernel *k = &kernels[i];
        qsort(k->seconds, ROUNDS, sizeof(double), compare);
        double work = k->flops > 0 ? k->flops : k->bytes, limit = k->flops > 0 ? flops : bandwidth;
        printf("%-36s %10.1f %10.1f %s", k->name, 1e-9 * work / k->seconds[0], 1e-9 * work / k->seconds[ROUNDS / 2],
               k->flops > 0 ? "GFLOP/s" : "GB/s   ");
        if (limit > 0)
            printf(" %4.0f%%", 100 * work / k->seconds[0] / limit);
        printf(" %10.3f ms\n", 1e3 * k->seconds[0]);
        cls->exec_destroy(k->exec);
        program_destroy(k->g);
    }
    cls->buffer_destroy(b, buffers[1]);
    cls->buffer_destroy(b, buffers[2]);
    cls->close(b);
    return 0;
}
