/* Axes: each rule on a graph of its own, refinement, divisions that do not fit, roles, and what writes into a
 * residual stream. */
#include <string.h>

#include "framework/graph/axes.h"
#include "framework/graph/builder.h"
#include "tests/check_main.h"

typedef struct bench {
    tfx_error err;
    tfx_state_layout state;
    tfx_graph g;
    tfx_axes *a;
} bench;

#define DIMS(...) \
    (uint32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) \
    { \
        __VA_ARGS__ \
    }

static bench t;

static void setup(void)
{
    t = (bench){0};
    tfx_graph_init(&t.g, &t.state, &t.err);
}

static void teardown(void)
{
    tfx_axes_destroy(t.a);
    tfx_graph_finish(&t.g);
    tfx_state_finish(&t.state);
}

static tfx_value param(const char *name, uint32_t n, const int64_t *dims)
{
    return tfx_emit_state(&t.g, tfx_state_add(&t.state, TFX_STATE_PARAM, name, TFX_F32, n, dims));
}

static tfx_value input(const char *name, tfx_dtype dtype, uint32_t n, const int64_t *dims)
{
    return tfx_emit_state(&t.g, tfx_state_add(&t.state, TFX_STATE_INPUT, name, dtype, n, dims));
}

static void infer(void)
{
    ck_assert_msg(t.err.status == TFX_OK, "%s", t.err.text);
    t.a = tfx_axes_create(&t.g);
}

static const tfx_param_axes *axes_of(const char *name)
{
    const tfx_param_axes *p = tfx_axes_of_param(t.a, tfx_state_find(&t.state, name));
    ck_assert_msg(p != NULL, "%s", name);
    return p;
}

static uint32_t n_factors(const char *name, uint32_t axis)
{
    const tfx_param_axes *p = axes_of(name);
    return p->first[axis + 1] - p->first[axis];
}

static const tfx_axis_member *factor(const char *name, uint32_t axis, uint32_t k)
{
    ck_assert_uint_lt(k, n_factors(name, axis));
    return &t.a->members[axes_of(name)->first[axis] + k];
}

static const tfx_axis_class *class_of(const char *name, uint32_t axis, uint32_t k)
{
    return &t.a->classes[factor(name, axis, k)->cls];
}

static uint32_t roles(const char *name, uint32_t axis)
{
    return factor(name, axis, 0)->roles;
}

static void check_same(const char *x, uint32_t i, const char *y, uint32_t k)
{
    ck_assert_uint_eq(n_factors(x, i), n_factors(y, k));
    for (uint32_t f = 0; f < n_factors(x, i); f++)
        ck_assert_msg(factor(x, i, f)->cls == factor(y, k, f)->cls, "%s[%u] and %s[%u]", x, i, y, k);
}

static void check_other(const char *x, uint32_t i, const char *y, uint32_t k)
{
    ck_assert_msg(factor(x, i, 0)->cls != factor(y, k, 0)->cls, "%s[%u] and %s[%u]", x, i, y, k);
}

enum { P = TFX_AXIS_PRODUCED, C = TFX_AXIS_CONSUMED, N = TFX_AXIS_NORMALISED, G = TFX_AXIS_GAIN };

/* x [2, 3, 8] W1^T b f W2: all of one size, and yet five dimensions. */
START_TEST(products)
{
    tfx_value x = input("/x", TFX_F32, DIMS(2, 3, 8)), w1 = param("w1", DIMS(8, 8)), b = param("b", DIMS(8));
    tfx_value w2 = param("w2", DIMS(8, 8)), w3 = param("w3", DIMS(8, 8));
    tfx_value h = tfx_emit_binary(&t.g, TFX_OP_ADD, tfx_emit_matmul(&t.g, x, w1, TFX_TRANS_B, 1, 0), b);
    tfx_emit_matmul(&t.g, tfx_emit_matmul(&t.g, tfx_emit_unary(&t.g, TFX_TANH, h), w2, 0, 1, 0), w3, 0, 1, 0);
    infer();
    check_same("w1", 0, "b", 0);
    check_same("w1", 0, "w2", 0);
    check_same("w2", 1, "w3", 0);
    check_other("w1", 1, "w1", 0);
    check_other("w2", 0, "w2", 1);
    check_other("w3", 0, "w3", 1);
    ck_assert_uint_eq(t.a->n_classes, 4);
    ck_assert_uint_eq(roles("w1", 0), P);
    ck_assert_uint_eq(roles("w1", 1), C);
    ck_assert_uint_eq(roles("b", 0), P);
    ck_assert_uint_eq(roles("w2", 0), C);
    ck_assert_uint_eq(roles("w2", 1), P);
    ck_assert_ptr_nonnull(class_of("w1", 1, 0)->rigid); /* the input's */
    ck_assert_ptr_null(class_of("w1", 0, 0)->rigid);
    ck_assert_uint_eq(class_of("b", 0, 0)->n_members, 3);
    ck_assert_uint_eq(t.a->n_residual, 0);
}
END_TEST

/* Per-head weights [heads, d, k] in a batched product; a permuted and scaled weight keeps its roles. */
START_TEST(batches_and_views_of_weights)
{
    tfx_value x = input("/x", TFX_F32, DIMS(4, 3, 8)), w = param("w", DIMS(5, 4, 8));
    tfx_value turned = tfx_emit_permute(&t.g, tfx_emit_affine(&t.g, w, 2, 0), (int[]){1, 2, 0}); /* [4, 8, 5] */
    tfx_value y = tfx_emit_matmul(&t.g, x, turned, 0, 1, 0);
    tfx_emit_binary(&t.g, TFX_OP_MUL, y, param("gain", DIMS(4, 1, 5)));
    infer();
    ck_assert_uint_eq(roles("w", 0), P);
    ck_assert_uint_eq(roles("w", 1), P);
    ck_assert_uint_eq(roles("w", 2), C);
    check_same("gain", 0, "w", 1);
    check_same("gain", 2, "w", 0);
    ck_assert_uint_eq(n_factors("gain", 1), 0); /* stretched: of no class */
}
END_TEST

/* A product of weights alone (as in low-rank updates): the roles of what it becomes are theirs. */
START_TEST(products_of_weights)
{
    tfx_value x = input("/x", TFX_F32, DIMS(3, 8)), a = param("a", DIMS(6, 2)), b = param("b", DIMS(2, 8));
    tfx_emit_matmul(&t.g, x, tfx_emit_matmul(&t.g, a, b, 0, 1, 0), TFX_TRANS_B, 1, 0);
    infer();
    check_same("a", 1, "b", 0);
    ck_assert_uint_eq(roles("a", 0), P);
    ck_assert_uint_eq(roles("a", 1), C);
    ck_assert_uint_eq(roles("b", 0), C);
    ck_assert_uint_eq(roles("b", 1), C);
}
END_TEST

START_TEST(norms_and_softmax)
{
    static const struct {
        tfx_norm kind;
        uint32_t mark;
    } kinds[] = {
        {TFX_NORM_LAYER, TFX_AXIS_LAYER_NORM}, {TFX_NORM_RMS, TFX_AXIS_RMS_NORM}, {TFX_NORM_L2, TFX_AXIS_L2_NORM}};
    tfx_value x = input("/x", TFX_F32, DIMS(3, 8));
    char name[4] = "w0";
    for (int i = 0; i < 4; i++, name[1]++) {
        tfx_value y = tfx_emit_matmul(&t.g, x, param(name, DIMS(5, 8)), TFX_TRANS_B, 1, 0);
        if (i < 3)
            tfx_emit_norm(&t.g, kinds[i].kind, y, 0.1);
        else
            tfx_emit_softmax(&t.g, y);
    }
    infer();
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(class_of((char[]){'w', (char)('0' + i), 0}, 0, 0)->marks, kinds[i].mark);
    ck_assert_uint_eq(class_of("w3", 0, 0)->marks, TFX_AXIS_SOFTMAX);
    ck_assert_uint_eq(class_of("w3", 1, 0)->marks, 0);
}
END_TEST

/* Queries, keys, values, rope: the width is heads x head_dim, in q, k, v and what reads the result. */
START_TEST(attention)
{
    tfx_value x = input("/x", TFX_F32, DIMS(2, 3, 7)), head[3];
    for (int i = 0; i < 3; i++) {
        tfx_value w = param((char[]){"qkv"[i], 0}, DIMS(8, 7));
        head[i] = tfx_emit_reshape(&t.g, tfx_emit_matmul(&t.g, x, w, TFX_TRANS_B, 1, 0), DIMS(2, 3, 2, 4));
    }
    tfx_value y = tfx_emit_attention(&t.g, tfx_emit_rope(&t.g, head[0], 4, 1, 100), head[1], head[2], 1, NULL);
    tfx_emit_matmul(&t.g, tfx_emit_reshape(&t.g, y, DIMS(2, 3, 8)), param("o", DIMS(7, 8)), TFX_TRANS_B, 1, 0);
    infer();
    check_same("q", 0, "k", 0);
    check_same("q", 0, "v", 0);
    check_same("q", 0, "o", 1);
    check_same("q", 1, "k", 1);
    ck_assert_uint_eq(n_factors("q", 0), 2);
    ck_assert_int_eq(class_of("q", 0, 0)->size, 2);
    ck_assert_int_eq(class_of("q", 0, 1)->size, 4);
    ck_assert_uint_eq(class_of("o", 1, 0)->marks, 0);
    ck_assert_uint_eq(class_of("o", 1, 1)->marks, TFX_AXIS_ROTATED);
    ck_assert_uint_eq(factor("o", 1, 1)->roles, C);
    ck_assert_uint_eq(factor("v", 0, 1)->roles, P);
    ck_assert_ptr_null(class_of("q", 0, 0)->rigid);
}
END_TEST

/* A tied table: produced and consumed along its width; along its rows indexed and produced. */
START_TEST(tables)
{
    tfx_value tokens = input("/tokens", TFX_I32, DIMS(2, 3)), table = param("table", DIMS(9, 4));
    tfx_value head = param("head", DIMS(9, 4)), other = param("other", DIMS(9, 4));
    tfx_value x = tfx_emit_gather(&t.g, table, tokens);
    tfx_emit_matmul(&t.g, x, table, TFX_TRANS_B, 1, 0);
    tfx_emit_cross_entropy(&t.g, tfx_emit_matmul(&t.g, x, head, TFX_TRANS_B, 1, 0), tokens);
    tfx_emit_matmul(&t.g, x, other, TFX_TRANS_B, 1, 0);
    infer();
    ck_assert_uint_eq(roles("table", 0), P | C);
    ck_assert_uint_eq(roles("table", 1), P | C);
    check_same("table", 1, "head", 1);
    check_same("table", 0, "head", 0); /* the same numbers are rows there and classes here */
    check_other("table", 0, "other", 0);
    ck_assert_uint_eq(class_of("head", 0, 0)->marks, TFX_AXIS_INDEXED | TFX_AXIS_SOFTMAX);
    ck_assert_uint_eq(class_of("other", 0, 0)->marks, 0);
}
END_TEST

START_TEST(parts_are_rigid)
{
    tfx_value x = input("/x", TFX_F32, DIMS(3, 8)), glu = param("glu", DIMS(10, 8)), down = param("down", DIMS(8, 5));
    tfx_value y = tfx_emit_matmul(&t.g, x, glu, TFX_TRANS_B, 1, 0);
    tfx_value product = tfx_emit_binary(&t.g, TFX_OP_MUL, tfx_emit_slice(&t.g, y, 1, 0, 5),
                                        tfx_emit_slice(&t.g, y, 1, 5, 5));
    tfx_emit_matmul(&t.g, product, down, TFX_TRANS_B, 1, 0);
    tfx_value long_one = param("long", DIMS(6, 4)), first = tfx_emit_slice(&t.g, long_one, 0, 0, 3);
    tfx_value one = tfx_emit_matmul(&t.g, x, param("one", DIMS(4, 8)), TFX_TRANS_B, 1, 0);
    one = tfx_emit_binary(&t.g, TFX_OP_ADD, one, first);
    tfx_value both = tfx_emit_concat(&t.g, 2, (tfx_value[]){one, product}, 1);
    tfx_emit_matmul(&t.g, both, param("sum", DIMS(2, 9)), TFX_TRANS_B, 1, 0);
    tfx_emit_pad(&t.g, param("short", DIMS(7)), 0, 1, 9);
    infer();
    ck_assert_ptr_nonnull(strstr(class_of("glu", 0, 0)->rigid, "slice"));
    ck_assert_ptr_nonnull(class_of("down", 1, 0)->rigid);
    ck_assert_ptr_nonnull(strstr(class_of("long", 0, 0)->rigid, "slice"));
    ck_assert_uint_eq(roles("long", 0), P);
    check_same("long", 1, "one", 0);
    ck_assert_ptr_nonnull(strstr(class_of("one", 0, 0)->rigid, "concatenation"));
    ck_assert_ptr_nonnull(strstr(class_of("sum", 1, 0)->rigid, "concatenation"));
    ck_assert_ptr_null(class_of("sum", 0, 0)->rigid);
    ck_assert_ptr_nonnull(strstr(class_of("short", 0, 0)->rigid, "padded"));
}
END_TEST

START_TEST(sums)
{
    tfx_value w = param("w", DIMS(4, 5, 6)), x = input("/x", TFX_F32, DIMS(3, 6));
    tfx_value dropped = tfx_emit_sum(&t.g, w, 3, 0), kept = tfx_emit_sum(&t.g, param("v", DIMS(3, 6)), 1, 1);
    tfx_emit_binary(&t.g, TFX_OP_DIV, tfx_emit_binary(&t.g, TFX_OP_SUB, x, dropped), kept);
    infer();
    ck_assert_uint_eq(roles("w", 0), C);
    ck_assert_uint_eq(roles("w", 1), C);
    ck_assert_uint_eq(roles("w", 2), P);
    ck_assert_uint_eq(roles("v", 0), C);
    ck_assert_uint_eq(roles("v", 1), P);
    check_same("w", 2, "v", 1);
}
END_TEST

/* A dimension that is divided in two places differently, but so that the divisions fit: 24 = 2 x 12 = 4 x 6. */
START_TEST(refinement)
{
    tfx_value a = param("a", DIMS(24)), b = param("b", DIMS(24)), c = param("c", DIMS(4, 6)),
              d = param("d", DIMS(2, 12));
    tfx_emit_binary(&t.g, TFX_OP_ADD, tfx_emit_reshape(&t.g, a, DIMS(4, 6)), c);
    tfx_emit_binary(&t.g, TFX_OP_ADD, tfx_emit_reshape(&t.g, b, DIMS(2, 12)), d);
    tfx_emit_binary(&t.g, TFX_OP_ADD, a, b);
    infer();
    check_same("a", 0, "b", 0);
    ck_assert_uint_eq(n_factors("a", 0), 3); /* 2 x 2 x 6 */
    ck_assert_int_eq(class_of("a", 0, 2)->size, 6);
    ck_assert_uint_eq(n_factors("c", 0), 2);
    ck_assert_uint_eq(n_factors("d", 1), 2);
    ck_assert_uint_eq(factor("c", 1, 0)->cls, factor("d", 1, 1)->cls);
    ck_assert_uint_eq(factor("c", 0, 1)->cls, factor("d", 1, 0)->cls);
    for (uint32_t i = 0; i < t.a->n_classes; i++)
        ck_assert_ptr_null(t.a->classes[i].rigid);
}
END_TEST

/* 4 x 6 and 6 x 4 do not fit; what comes after them in the same dimension does. */
START_TEST(divisions_that_do_not_fit)
{
    tfx_value a = param("a", DIMS(4, 6, 5)), b = param("b", DIMS(6, 4, 5)), c = param("c", DIMS(4, 9)),
              d = param("d", DIMS(3, 12));
    tfx_emit_binary(&t.g, TFX_OP_ADD, tfx_emit_reshape(&t.g, a, DIMS(120)), tfx_emit_reshape(&t.g, b, DIMS(120)));
    tfx_emit_binary(&t.g, TFX_OP_MUL, tfx_emit_reshape(&t.g, c, DIMS(3, 12)), d);
    infer();
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(class_of("a", i, 0)->rigid);
        ck_assert_ptr_nonnull(class_of("b", i, 0)->rigid);
        ck_assert_ptr_nonnull(class_of("c", i, 0)->rigid);
        ck_assert_ptr_nonnull(class_of("d", i, 0)->rigid);
    }
    check_same("a", 2, "b", 2);
    ck_assert_ptr_null(class_of("a", 2, 0)->rigid);
}
END_TEST

/* An op without a rule: what it uses cannot change. */
START_TEST(unknown_op)
{
    tfx_value w = param("w", DIMS(3, 4));
    tfx_emit_store(&t.g, w, w);
    infer();
    ck_assert_ptr_nonnull(class_of("w", 0, 0)->rigid);
    ck_assert_uint_eq(roles("w", 0), 0);
}
END_TEST

static tfx_value linear(const char *name, tfx_value x, int64_t out)
{
    int64_t dims[2] = {out, t.g.values[x].dims[t.g.values[x].n_dims - 1]};
    return tfx_emit_matmul(&t.g, x, param(name, 2, dims), TFX_TRANS_B, 1, 0);
}

static tfx_value plus(tfx_value x, tfx_value y)
{
    return tfx_emit_binary(&t.g, TFX_OP_ADD, x, y);
}

/* One branch after the other, two in parallel, a bias and a gain behind the product, and an addition that is none
 * of a stream. */
START_TEST(residual_streams)
{
    tfx_value in = input("/x", TFX_F32, DIMS(3, 7)), x = linear("stem", in, 8);
    x = plus(plus(x, linear("p1", x, 8)), linear("p2", x, 8));
    tfx_value y = plus(linear("down", tfx_emit_unary(&t.g, TFX_RELU, linear("up", x, 16)), 8), param("bias", DIMS(8)));
    x = plus(tfx_emit_binary(&t.g, TFX_OP_MUL, y, param("gain", DIMS(8))), x);
    tfx_value p3 = linear("p3", x, 8), p4 = linear("p4", x, 8);
    x = plus(x, plus(p3, p4));
    tfx_value h = linear("h", x, 5);
    h = plus(h, linear("inner", h, 5));
    plus(linear("other", in, 2), linear("another", in, 2));
    infer();
    static const char *const writers[] = {"p1", "p2", "down", "bias", "p3", "p4", "inner"};
    static const char *const others[] = {"stem", "up", "gain", "h", "other", "another"};
    for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++)
        ck_assert_msg(axes_of(writers[i])->writes_residual, "%s writes", writers[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        ck_assert_msg(!axes_of(others[i])->writes_residual, "%s does not write", others[i]);
    ck_assert_uint_eq(t.a->n_residual, 1);
    ck_assert_ptr_eq(&t.a->classes[t.a->residual[0]], class_of("stem", 0, 0));
    check_same("stem", 0, "gain", 0);
    check_same("stem", 0, "down", 0);
}
END_TEST

/* A weight that is made of one parameter on very many ways. */
START_TEST(weights_of_weights)
{
    tfx_value x = linear("stem", input("/x", TFX_F32, DIMS(3, 7)), 8), w = param("w", DIMS(8, 8));
    for (int i = 0; i < 60; i++)
        w = plus(w, w);
    plus(x, tfx_emit_matmul(&t.g, x, w, 0, 1.0, TFX_POISON));
    infer();
    ck_assert(axes_of("w")->writes_residual);
    ck_assert(!axes_of("stem")->writes_residual);
}
END_TEST

/* Heads that are added to the stream as they are: the stream is their product. */
START_TEST(stream_that_is_a_product)
{
    tfx_value x = linear("stem", input("/x", TFX_F32, DIMS(1, 3, 7)), 8);
    tfx_value q = tfx_emit_reshape(&t.g, linear("q", x, 8), DIMS(1, 3, 2, 4));
    plus(x, tfx_emit_reshape(&t.g, tfx_emit_attention(&t.g, q, q, q, 1, NULL), DIMS(1, 3, 8)));
    infer();
    ck_assert_uint_eq(t.a->n_residual, 2);
    ck_assert_int_eq(t.a->classes[t.a->residual[0]].size, 2);
    ck_assert_int_eq(t.a->classes[t.a->residual[1]].size, 4);
    check_same("q", 0, "stem", 0);
    check_same("q", 1, "q", 0);
    ck_assert_uint_eq(factor("q", 0, 1)->roles, P);
    ck_assert_uint_eq(factor("q", 1, 1)->roles, C); /* one class, two roles, apart */
}
END_TEST

static void normalise(tfx_value x)
{
    tfx_emit_norm(&t.g, TFX_NORM_RMS, x, 0.1);
}

static tfx_value times(tfx_value x, tfx_value y)
{
    return tfx_emit_binary(&t.g, TFX_OP_MUL, x, y);
}

/* What goes into a norm in proportion, through sums and views, and what does not: behind a function, what the norm's
 * result is multiplied with, what a weight multiplies. A weight that multiplies is a gain, also with a constant added to
 * it; one that multiplies another weight is none. */
START_TEST(normalised)
{
    tfx_value in = input("/x", TFX_F32, DIMS(1, 3, 7)), x = linear("stem", in, 8);
    normalise(plus(tfx_emit_affine(&t.g, x, 0.5, 0), param("position", DIMS(3, 8))));
    x = plus(x, linear("branch",
                       times(tfx_emit_norm(&t.g, TFX_NORM_LAYER, x, 0.1),
                             tfx_emit_affine(&t.g, param("gain", DIMS(8)), 1, 1)),
                       8));
    normalise(plus(x, times(linear("scaled", in, 8), param("scale", DIMS(8)))));
    tfx_value h = linear("keys", in, 5);
    linear("reader", h, 8);
    normalise(times(h, param("tau", DIMS(1))));
    normalise(tfx_emit_unary(&t.g, TFX_TANH, linear("bent", in, 5)));
    normalise(tfx_emit_affine(&t.g, linear("shifted", in, 5), 1, 1));
    normalise(times(tfx_emit_unary(&t.g, TFX_SILU, linear("gate", in, 5)), linear("up", in, 5)));
    tfx_value y = linear("square", in, 5);
    normalise(times(y, y));
    tfx_value q = tfx_emit_reshape(&t.g, linear("q", in, 8), DIMS(1, 3, 2, 4));
    tfx_value v = tfx_emit_reshape(&t.g, linear("v", in, 8), DIMS(1, 3, 2, 4));
    normalise(tfx_emit_attention(&t.g, q, q, v, 1, NULL));
    normalise(tfx_emit_matmul(&t.g, in, times(param("first", DIMS(7, 5)), param("second", DIMS(7, 5))), 0, 1, 0));
    infer();
    static const struct {
        const char *param;
        uint32_t axis, factor, roles;
    } expected[] = {
        {"stem", 0, 0, P | N},
        {"stem", 1, 0, C},
        {"position", 1, 0, P | N},
        {"branch", 0, 0, P | N},
        {"branch", 1, 0, C},
        {"gain", 0, 0, P | G},
        {"scaled", 0, 0, P},
        {"scale", 0, 0, P | N | G},
        {"keys", 0, 0, P | N},
        {"reader", 1, 0, C},
        {"reader", 0, 0, P},
        {"bent", 0, 0, P},
        {"shifted", 0, 0, P},
        {"gate", 0, 0, P},
        {"up", 0, 0, P | N},
        {"square", 0, 0, P},
        {"q", 0, 1, P},
        {"v", 0, 1, P | N},
        {"v", 0, 0, P},
        {"first", 1, 0, P | N},
        {"second", 1, 0, P},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        ck_assert_msg(factor(expected[i].param, expected[i].axis, expected[i].factor)->roles == expected[i].roles,
                      "%s[%u.%u]: %u", expected[i].param, expected[i].axis, expected[i].factor,
                      factor(expected[i].param, expected[i].axis, expected[i].factor)->roles);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("axes");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, products);
    tcase_add_test(c, batches_and_views_of_weights);
    tcase_add_test(c, products_of_weights);
    tcase_add_test(c, norms_and_softmax);
    tcase_add_test(c, attention);
    tcase_add_test(c, tables);
    tcase_add_test(c, parts_are_rigid);
    tcase_add_test(c, sums);
    tcase_add_test(c, refinement);
    tcase_add_test(c, divisions_that_do_not_fit);
    tcase_add_test(c, unknown_op);
    tcase_add_test(c, normalised);
    tcase_add_test(c, residual_streams);
    tcase_add_test(c, weights_of_weights);
    tcase_add_test(c, stream_that_is_a_product);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
