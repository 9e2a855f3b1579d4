/* Pointwise steps of the CPU backend: each op against plain C in double precision, and fused
 * groups against the same nodes run one by one. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

static const shape sizes[] = {
    {0, {0}},    {1, {1}},       {1, {7}},         {2, {3, 5}},   {2, {1, 1000}},      {2, {1023, 1}},
    {1, {1025}}, {2, {37, 257}}, {3, {4, 33, 65}}, {1, {100000}}, {4, {2, 3, 5, 701}}, {2, {0, 5}}};
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* ---- single ops ---- */

static double apply(tfx_op op, double x, double y)
{
    switch (op) {
    case TFX_OP_ADD: return x + y;
    case TFX_OP_SUB: return x - y;
    case TFX_OP_MUL: return x * y;
    default: return x / y;
    }
}

START_TEST(arithmetic)
{
    shape s = sizes[_i];
    int64_t n = shape_count(s);
    double *want = calloc((size_t)n + 1, sizeof(double));
    for (int op = TFX_OP_ADD; op <= TFX_OP_DIV; op++)
        for (int in_place = 0; in_place < 3; in_place++) {
            program *g = program_create();
            tfx_value x = random_input(g, s, 2), y = random_input(g, s, 2);
            const float *a = program_data(g, x), *b = program_data(g, y);
            for (int64_t i = 0; i < n; i++)
                want[i] = apply((tfx_op)op, a[i], b[i]);
            tfx_value z = in_place == 0 ? result(g, s) : shared_with(g, in_place == 1 ? x : y, s);
            ADD_SINGLE(g, (tfx_op)op, 2, 1, x, y, z);
            program_run_twice(g, 1 + _i % 3);
            check_close(program_data(g, z), want, n, 1e-7, 0, "arithmetic");
            program_destroy(g);
        }
    free(want);
}
END_TEST

START_TEST(affine_const_and_store)
{
    shape s = sizes[_i];
    int64_t n = shape_count(s);
    double *want = calloc((size_t)n + 1, sizeof(double)), *fives = calloc((size_t)n + 1, sizeof(double));
    program *g = program_create();
    tfx_value x = random_input(g, s, 3), y = result(g, s), c = result(g, s), target = random_input(g, s, 1);
    const float *a = program_data(g, x);
    for (int64_t i = 0; i < n; i++) {
        want[i] = a[i] * 1.5 - 0.25;
        fives[i] = 5;
    }
    tfx_node *affine = ADD_SINGLE(g, TFX_OP_AFFINE, 1, 1, x, y);
    affine->reals[0] = 1.5, affine->reals[1] = -0.25;
    ADD_SINGLE(g, TFX_OP_CONST, 0, 1, c)->reals[0] = 5;
    ADD_SINGLE(g, TFX_OP_STORE, 2, 0, c, target);
    program_run_twice(g, 2);
    check_close(program_data(g, y), want, n, 3e-7, 0.1, "affine");
    check_close(program_data(g, c), fives, n, 0, 0, "const");
    check_close(program_data(g, target), fives, n, 0, 0, "store");
    program_destroy(g);
    free(want);
    free(fives);
}
END_TEST

START_TEST(bf16_rounds_to_nearest_even)
{
    enum { N = 1 << 16 };
    program *g = program_create();
    shape s = SHAPE(N);
    tfx_value x = program_value(g, TFX_F32, s, TFX_BUFFER_STATE);
    float *a = program_data(g, x);
    /* All upper halves, with lower halves around the tie. */
    static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    for (uint32_t i = 0; i < N; i++) {
        uint32_t u = i << 16 | low[i % 6];
        memcpy(&a[i], &u, 4);
    }
    tfx_value h = program_value(g, TFX_BF16, s, TFX_BUFFER_ARENA), back = result(g, s), sum = result(g, s);
    tfx_value target = program_value(g, TFX_BF16, s, TFX_BUFFER_STATE), rounded = result(g, s);
    tfx_value no_place = program_value(g, TFX_BF16, s, TFX_BUFFER_NONE);
    ADD_SINGLE(g, TFX_OP_CAST, 1, 1, x, h);
    ADD_SINGLE(g, TFX_OP_CAST, 1, 1, h, back);
    ADD_SINGLE(g, TFX_OP_ADD, 2, 1, h, x, sum);
    ADD_SINGLE(g, TFX_OP_STORE, 2, 0, h, target);
    add_node(g, TFX_OP_CAST, 1, 1, x, no_place); /* bf16 that never reaches memory */
    add_node(g, TFX_OP_CAST, 1, 1, no_place, rounded);
    add_step(g, 2, s);
    program_run_twice(g, 2);
    const uint16_t *got = program_data(g, h), *stored = program_data(g, target);
    const float *b = program_data(g, back), *c = program_data(g, sum), *r = program_data(g, rounded);
    for (int i = 0; i < N; i++) {
        uint16_t want = to_bf16(a[i]);
        float wide = from_bf16(want);
        if (got[i] != want || stored[i] != want || memcmp(&b[i], &wide, 4) || memcmp(&r[i], &wide, 4))
            ck_abort_msg("%a became %04x, %04x, %a and %a, expected %04x", a[i], got[i], stored[i], b[i], r[i], want);
        if (wide == wide && c[i] != wide + a[i] && (wide + a[i] == wide + a[i]))
            ck_abort_msg("bf16 %a + f32 %a gave %a", wide, a[i], c[i]);
    }
    program_destroy(g);
}
END_TEST

/* ---- broadcast ---- */

typedef struct stretch {
    shape from, to;
} stretch;

static const stretch stretches[] = {
    {{0, {0}}, {2, {70, 1000}}},
    {{1, {1}}, {1, {5000}}},
    {{1, {768}}, {2, {37, 768}}},
    {{1, {5}}, {2, {1000, 5}}},
    {{2, {37, 1}}, {2, {37, 768}}},
    {{2, {1000, 1}}, {2, {1000, 5}}},
    {{1, {3001}}, {2, {11, 3001}}},
    {{2, {11, 1}}, {2, {11, 3001}}},
    {{3, {3, 1, 64}}, {3, {3, 50, 64}}},
    {{3, {3, 1, 300}}, {3, {3, 50, 300}}},
    {{5, {2, 1, 3, 1, 5}}, {5, {2, 4, 3, 7, 5}}},
    {{5, {1, 4, 1, 7, 1}}, {5, {2, 4, 3, 7, 500}}},
    {{3, {4, 1, 1}}, {4, {3, 4, 50, 60}}},
    {{2, {6, 7}}, {2, {6, 7}}},
    {{2, {1, 9}}, {2, {1, 9}}},
    {{2, {6, 7}}, {3, {1, 6, 7}}},
};
enum { N_STRETCHES = sizeof(stretches) / sizeof(stretches[0]) };

/* The element of a tensor of shape `from` that element i of shape `to` is. */
static int64_t source_of(shape from, shape to, int64_t i)
{
    int64_t offset = 0, stride = 1;
    for (uint32_t d = 0; d < to.n; d++) {
        int64_t coord = i % to.d[to.n - 1 - d];
        i /= to.d[to.n - 1 - d];
        if (d >= from.n)
            continue;
        int64_t size = from.d[from.n - 1 - d];
        offset += (size == 1 ? 0 : coord) * stride;
        stride *= size;
    }
    return offset;
}

START_TEST(broadcasts)
{
    stretch s = stretches[_i];
    int64_t n = shape_count(s.to);
    double *alone = calloc((size_t)n, sizeof(double)), *mixed = calloc((size_t)n, sizeof(double));
    for (int half = 0; half < 2; half++) {
        program *g = program_create();
        tfx_value x = half ? random_bf16(g, s.from, 2) : random_input(g, s.from, 2), z = random_input(g, s.to, 2);
        tfx_value y = result(g, s.to), in = inside(g, s.to), e = inside(g, s.to), w = result(g, s.to);
        ADD_SINGLE(g, TFX_OP_BROADCAST, 1, 1, x, y);
        /* Within a group, with a function of the stretched operand alone. */
        add_node(g, TFX_OP_BROADCAST, 1, 1, x, in);
        add_node(g, TFX_OP_UNARY, 1, 1, in, e)->ints[0] = TFX_NEG;
        add_node(g, TFX_OP_SUB, 2, 1, z, e, w);
        add_step(g, 3, s.to);
        const float *zs = program_data(g, z), *xf = program_data(g, x);
        const uint16_t *xh = program_data(g, x);
        for (int64_t i = 0; i < n; i++) {
            int64_t k = source_of(s.from, s.to, i);
            alone[i] = half ? from_bf16(xh[k]) : xf[k];
            mixed[i] = zs[i] + alone[i];
        }
        program_run_twice(g, 1 + _i % 3);
        check_close(program_data(g, y), alone, n, 0, 0, "broadcast");
        check_close(program_data(g, w), mixed, n, 1e-7, 1e-2, "broadcast in a group");
        program_destroy(g);
    }
    free(alone);
    free(mixed);
}
END_TEST

/* ---- groups ---- */

static uint32_t pick(uint32_t n)
{
    static uint64_t i;
    return (uint32_t)(tfx_random_u64(3, 5, i++) % n);
}

/* A random group of nodes, built twice over the same inputs: as one step whose values mostly
 * have no memory and whose results may replace operands, and as one step per node. */
START_TEST(groups_equal_their_nodes)
{
    static const shape domains[] = {{1, {5000}},       {2, {37, 768}}, {2, {400, 12}},
                                    {3, {3, 50, 300}}, {1, {1}},       {2, {2, 5000}}};
    shape s = domains[_i % 6];
    enum { N_INPUTS = 4, N_STRETCHED = 3, N_OPS = 14 };
    program *fused = program_create(), *apart = program_create();
    tfx_value f[64], a[64];
    uint32_t n = 0;
    for (; n < N_INPUTS; n++) {
        f[n] = n == 3 ? random_bf16(fused, s, 1) : random_input(fused, s, 1);
        a[n] = program_value(apart, fused->tensors[f[n]].dtype, s, TFX_BUFFER_STATE);
        memcpy(program_data(apart, a[n]), program_data(fused, f[n]), value_bytes(fused, f[n]));
    }
    /* Operands to stretch: a row, a column, a number. */
    tfx_value narrow_f[N_STRETCHED], narrow_a[N_STRETCHED];
    shape narrow[N_STRETCHED] = {SHAPE(s.d[s.n - 1]), s, SHAPE(1)};
    narrow[1].d[s.n - 1] = 1;
    for (int i = 0; i < N_STRETCHED; i++) {
        narrow_f[i] = random_input(fused, narrow[i], 1);
        narrow_a[i] = random_input(apart, narrow[i], 1);
        memcpy(program_data(apart, narrow_a[i]), program_data(fused, narrow_f[i]), value_bytes(fused, narrow_f[i]));
    }
    uint32_t n_nodes = 0, first_made = n;
    for (; n_nodes < N_OPS; n_nodes++, n++) {
        f[n] = inside(fused, s);
        a[n] = result(apart, s);
        uint32_t x = pick(n), y = pick(n), kind = pick(7);
        if (kind == 0) {
            uint32_t w = pick(N_STRETCHED);
            add_node(fused, TFX_OP_BROADCAST, 1, 1, narrow_f[w], f[n]);
            add_node(apart, TFX_OP_BROADCAST, 1, 1, narrow_a[w], a[n]);
        } else if (kind <= 3) {
            static const tfx_op ops[] = {TFX_OP_ADD, TFX_OP_SUB, TFX_OP_MUL};
            add_node(fused, ops[kind - 1], 2, 1, f[x], f[y], f[n]);
            add_node(apart, ops[kind - 1], 2, 1, a[x], a[y], a[n]);
        } else if (kind == 4) {
            int unary = pick(2) ? TFX_TANH : TFX_GELU_ERF;
            add_node(fused, TFX_OP_UNARY, 1, 1, f[x], f[n])->ints[0] = unary;
            add_node(apart, TFX_OP_UNARY, 1, 1, a[x], a[n])->ints[0] = unary;
        } else if (kind == 5) {
            add_node(fused, TFX_OP_UNARY_GRAD, 2, 1, f[x], f[y], f[n])->ints[0] = TFX_SILU;
            add_node(apart, TFX_OP_UNARY_GRAD, 2, 1, a[x], a[y], a[n])->ints[0] = TFX_SILU;
        } else {
            tfx_node *p = add_node(fused, TFX_OP_AFFINE, 1, 1, f[x], f[n]);
            tfx_node *q = add_node(apart, TFX_OP_AFFINE, 1, 1, a[x], a[n]);
            p->reals[0] = q->reals[0] = 0.7, p->reals[1] = q->reals[1] = -0.1;
        }
        add_step(apart, 1, SCALAR);
    }
    /* Results: the last value, in place of an input; another, in memory of its own; a third
     * in bf16 through a store. */
    tfx_value last = f[n - 1], middle = f[first_made + pick(n - first_made - 1)];
    uint32_t replaced = pick(3);
    fused->tensors[last].buffer = TFX_BUFFER_STATE;
    fused->tensors[last].offset = fused->tensors[f[replaced]].offset;
    if (middle != last) {
        tfx_value room = result(fused, s);
        fused->tensors[middle].buffer = TFX_BUFFER_ARENA;
        fused->tensors[middle].offset = fused->tensors[room].offset;
    }
    uint32_t stored = first_made + pick(n - first_made);
    tfx_value target = program_value(fused, TFX_BF16, s, TFX_BUFFER_STATE);
    tfx_value target_a = program_value(apart, TFX_BF16, s, TFX_BUFFER_STATE);
    add_node(fused, TFX_OP_STORE, 2, 0, f[stored], target);
    add_node(apart, TFX_OP_STORE, 2, 0, a[stored], target_a);
    add_step(apart, 1, SCALAR);
    add_step(fused, N_OPS + 1, s);

    program_run(apart, 1);
    program_run_twice(fused, 1 + _i % 3);
    ck_assert_mem_eq(program_data(fused, last), program_data(apart, a[n - 1]), value_bytes(fused, last));
    for (uint32_t i = first_made; i < n; i++)
        if (f[i] == middle)
            ck_assert_mem_eq(program_data(fused, middle), program_data(apart, a[i]), value_bytes(fused, middle));
    ck_assert_mem_eq(program_data(fused, target), program_data(apart, target_a), value_bytes(fused, target));
    program_destroy(fused);
    program_destroy(apart);
}
END_TEST

/* An AdamW-like update: three states replaced at the index they are read at. */
START_TEST(optimizer_step_in_place)
{
    shape s = SHAPE(123457), one = SCALAR;
    int64_t n = shape_count(s);
    program *g = program_create();
    tfx_value p = random_input(g, s, 1), m = random_input(g, s, 1), v = random_input(g, s, 1),
              grad = random_input(g, s, 1);
    tfx_value lr = random_input(g, one, 1);
    float *ps = program_data(g, p), *ms = program_data(g, m), *vs = program_data(g, v), *gs = program_data(g, grad);
    *(float *)program_data(g, lr) = 0.01f;
    double *want_p = malloc((size_t)n * 8), *want_m = malloc((size_t)n * 8), *want_v = malloc((size_t)n * 8);
    for (int64_t i = 0; i < n; i++) {
        vs[i] = fabsf(vs[i]);
        want_m[i] = 0.9 * ms[i] + 0.1 * gs[i];
        want_v[i] = 0.95 * vs[i] + 0.05 * gs[i] * gs[i];
        want_p[i] = ps[i] - 0.01 * (want_m[i] / (sqrt(want_v[i]) + 1e-8) + 0.1 * ps[i]);
    }
    tfx_value t[12];
    for (int i = 0; i < 12; i++)
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
    tfx_value root = inside(g, s), shifted = inside(g, s), ratio = inside(g, s), decay = inside(g, s),
              sum = inside(g, s);
    tfx_value rate = inside(g, s), delta = inside(g, s), next = inside(g, s);
    add_node(g, TFX_OP_UNARY, 1, 1, t[6], root)->ints[0] = TFX_SQRT;
    tfx_node *eps = add_node(g, TFX_OP_AFFINE, 1, 1, root, shifted);
    eps->reals[0] = 1, eps->reals[1] = 1e-8;
    add_node(g, TFX_OP_DIV, 2, 1, t[2], shifted, ratio);
    add_node(g, TFX_OP_AFFINE, 1, 1, p, decay)->reals[0] = 0.1;
    add_node(g, TFX_OP_ADD, 2, 1, ratio, decay, sum);
    add_node(g, TFX_OP_BROADCAST, 1, 1, lr, rate);
    add_node(g, TFX_OP_MUL, 2, 1, rate, sum, delta);
    add_node(g, TFX_OP_SUB, 2, 1, p, delta, next);
    add_node(g, TFX_OP_STORE, 2, 0, next, p);
    add_step(g, 18, s);
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        /* Relative to the terms that are added, which are up to 1. */
        check_close(program_data(g, m), want_m, n, 3e-7, 1, "m");
        check_close(program_data(g, v), want_v, n, 3e-7, 1, "v");
        check_close(program_data(g, p), want_p, n, 3e-7, 1, "p");
    }
    program_destroy(g);
    free(want_p);
    free(want_m);
    free(want_v);
}
END_TEST

/* All loads of a group come before its stores. */
START_TEST(stores_can_swap)
{
    shape s = SHAPE(10000);
    program *g = program_create();
    tfx_value x = random_input(g, s, 1), y = random_input(g, s, 1), z = inside(g, s), w = random_input(g, s, 1);
    float *before = malloc(3 * value_bytes(g, x));
    memcpy(before, program_data(g, x), value_bytes(g, x));
    memcpy(before + 10000, program_data(g, y), value_bytes(g, x));
    add_node(g, TFX_OP_ADD, 2, 1, x, y, z);
    add_node(g, TFX_OP_STORE, 2, 0, x, y);
    add_node(g, TFX_OP_STORE, 2, 0, y, x);
    add_node(g, TFX_OP_STORE, 2, 0, z, w);
    add_step(g, 4, s);
    program_run_twice(g, 2);
    ck_assert_mem_eq(program_data(g, x), before + 10000, value_bytes(g, x));
    ck_assert_mem_eq(program_data(g, y), before, value_bytes(g, x));
    for (int i = 0; i < 10000; i++)
        before[20000 + i] = before[i] + before[10000 + i];
    ck_assert_mem_eq(program_data(g, w), before + 20000, value_bytes(g, x));
    free(before);
    program_destroy(g);
}
END_TEST

/* A sum in a group: as good as a sum in double, and the same for every number of threads. */
START_TEST(sums_of_the_domain)
{
    shape s = sizes[_i];
    int64_t n = shape_count(s);
    program *g = program_create();
    tfx_value x = random_input(g, s, 1), scale = random_input(g, SCALAR, 1), b = inside(g, s), sq = inside(g, s);
    tfx_value sum = result(g, SCALAR), squares = result(g, SCALAR), constants = result(g, SHAPE(1));
    const float *xs = program_data(g, x);
    double want[3] = {0, 0, 0}, size = 0;
    for (int64_t i = 0; i < n; i++) {
        want[0] += xs[i];
        want[1] += (double)xs[i] * xs[i];
        want[2] += *(float *)program_data(g, scale);
        size += fabs(xs[i]);
    }
    add_node(g, TFX_OP_SUM, 1, 1, x, sum)->ints[0] = (1 << s.n) - 1;
    add_node(g, TFX_OP_MUL, 2, 1, x, x, sq);
    add_node(g, TFX_OP_SUM, 1, 1, sq, squares)->ints[0] = (1 << s.n) - 1;
    add_node(g, TFX_OP_BROADCAST, 1, 1, scale, b);
    add_node(g, TFX_OP_SUM, 1, 1, b, constants)->ints[0] = (1 << s.n) - 1;
    add_step(g, 5, s);
    float first[3] = {0};
    for (int threads = 1; threads <= 3; threads++) {
        program_run_twice(g, threads);
        float got[3] = {*(float *)program_data(g, sum), *(float *)program_data(g, squares),
                        *(float *)program_data(g, constants)};
        check_close(&got[0], &want[0], 1, 1e-7, size, "sum");
        check_close(&got[1], &want[1], 1, 1e-7, 0, "sum of squares");
        check_close(&got[2], &want[2], 1, 1e-7, 0, "sum of one number");
        if (threads > 1)
            ck_assert_mem_eq(first, got, sizeof(got));
        memcpy(first, got, sizeof(got));
    }
    program_destroy(g);
}
END_TEST

/* ---- dropout ---- */

START_TEST(dropout_follows_the_counter)
{
    static const double probability[] = {0, 0.1, 0.5, 0.999, 0.1, 0.3};
    static const int64_t counts[] = {1000, 70001, 5000, 5000, 1, 333};
    double p = probability[_i];
    shape s = SHAPE(counts[_i]);
    int64_t n = counts[_i], stream = _i % 2 ? 0x123456789abcdef : -5;
    int32_t seed = _i == 2 ? -7 : 42, step = _i == 3 ? -1 : 1000;
    program *g = program_create();
    tfx_value x = random_input(g, s, 1), key = int_input(g, SHAPE(2), 0, 1), y = result(g, s), z = shared_with(g, x, s);
    int32_t *k = program_data(g, key);
    k[0] = seed, k[1] = step;
    float *xs = program_data(g, x);
    if (n > 10)
        xs[7] = NAN, xs[8] = INFINITY; /* a dropped element is 0 whatever it was */
    double *want = malloc((size_t)n * sizeof(double));
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = tfx_random_u64((uint64_t)(uint32_t)seed << 32 | (uint32_t)step, (uint64_t)stream, (uint64_t)i);
        want[i] = (double)(r >> 32) >= p * 4294967296.0 ? xs[i] / (1 - p) : 0;
    }
    for (int i = 0; i < 2; i++) {
        tfx_node *d = ADD_SINGLE(g, TFX_OP_DROPOUT, 2, 1, x, key, i ? z : y);
        d->reals[0] = p;
        d->ints[0] = stream;
    }
    program_run_twice(g, 1 + _i % 3);
    check_close(program_data(g, y), want, n, 2e-7, 0, "dropout");
    check_close(program_data(g, z), want, n, 2e-7, 0, "dropout in place");
    free(want);
    program_destroy(g);
}
END_TEST

/* A mask over one number that is stretched inside the group. */
START_TEST(dropout_of_a_constant)
{
    shape s = SHAPE(3, 1000);
    program *g = program_create();
    tfx_value key = int_input(g, SHAPE(2), 5, 9), c = inside(g, s), y = result(g, s);
    const int32_t *k = program_data(g, key);
    double want[3000];
    for (int i = 0; i < 3000; i++)
        want[i] = tfx_random_u64((uint64_t)(uint32_t)k[0] << 32 | (uint32_t)k[1], 3, (uint64_t)i) >> 63 ? 6 : 0;
    add_node(g, TFX_OP_CONST, 0, 1, c)->reals[0] = 3;
    tfx_node *d = add_node(g, TFX_OP_DROPOUT, 2, 1, c, key, y);
    d->reals[0] = 0.5;
    d->ints[0] = 3;
    add_step(g, 2, s);
    program_run_twice(g, 2);
    check_close(program_data(g, y), want, 3000, 0, 0, "dropout of a constant");
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: pointwise steps");
    TCase *c = tcase_create("fuse");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, arithmetic, 0, N_SIZES);
    tcase_add_loop_test(c, affine_const_and_store, 0, N_SIZES);
    tcase_add_test(c, bf16_rounds_to_nearest_even);
    tcase_add_loop_test(c, broadcasts, 0, N_STRETCHES);
    tcase_add_loop_test(c, groups_equal_their_nodes, 0, 60);
    tcase_add_test(c, optimizer_step_in_place);
    tcase_add_test(c, stores_can_swap);
    tcase_add_loop_test(c, sums_of_the_domain, 0, N_SIZES);
    tcase_add_loop_test(c, dropout_follows_the_counter, 0, 6);
    tcase_add_test(c, dropout_of_a_constant);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
