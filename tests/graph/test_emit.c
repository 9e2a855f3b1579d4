/* Emitting: what shapes come out, and what a builder call that cannot be done says. */
#include "tests/check_main.h"
#include "tests/graph/lab.h"

#define B (&l->b)

/* ---- shapes ---- */

static int is(const lab *l, tfx_value v, tfx_dtype dtype, shape s)
{
    return v && l->g.values[v].dtype == dtype && l->g.values[v].n_dims == s.n &&
           !memcmp(l->g.values[v].dims, s.d, sizeof(int64_t) * s.n);
}
#define IS(v, ...) ck_assert_msg(is(&l, v, TFX_F32, SHAPE(__VA_ARGS__)), "%s", l.err.text)

START_TEST(shapes)
{
    lab l;
    lab_open(&l);
    const tfx_builder *b = &l.b;
    tfx_value x = lab_param(&l, SHAPE(2, 3, 4)), y = lab_param(&l, SHAPE(4, 5)), one = lab_param(&l, SCALAR);
    tfx_value tokens = lab_input(&l, TFX_I32, SHAPE(2, 7)), q = lab_param(&l, SHAPE(2, 7, 3, 8));
    IS(b->add(b, x, one), 2, 3, 4);
    IS(b->mul(b, lab_param(&l, SHAPE(3, 1)), lab_param(&l, SHAPE(1, 4))), 3, 4);
    IS(b->reshape(b, x, 2, (int64_t[]){-1, 6}), 4, 6);
    IS(b->permute(b, x, (int[]){2, 0, 1}), 4, 2, 3);
    IS(b->slice(b, x, -1, 1, 2), 2, 3, 2);
    IS(b->concat(b, 2, (tfx_value[]){x, x}, 1), 2, 6, 4);
    IS(b->broadcast(b, x, 4, (int64_t[]){5, 2, 3, 4}), 5, 2, 3, 4);
    IS(b->sum(b, x, 2, (int[]){0, -1}, 1), 1, 3, 1);
    IS(b->sum(b, x, 1, (int[]){1}, 0), 2, 4);
    ck_assert(is(&l, b->sum(b, x, 3, (int[]){0, 1, 2}, 0), TFX_F32, SCALAR));
    IS(b->matmul(b, x, y, 0, 1), 2, 3, 5);
    IS(b->matmul(b, y, y, TFX_TRANS_A, 1), 5, 5);
    IS(b->matmul(b, x, x, TFX_TRANS_B, 1), 2, 3, 3);
    IS(b->matmul(b, x, x, TFX_TRANS_A, 1), 2, 4, 4);
    IS(b->softmax(b, x), 2, 3, 4);
    IS(b->norm(b, TFX_NORM_RMS, x, 0), 2, 3, 4);
    IS(b->rope(b, q, 4, 10000), 2, 7, 3, 8);
    IS(b->attention(b, q, q, q, 1), 2, 7, 3, 8);
    IS(b->gather(b, y, tokens), 2, 7, 5);
    IS(b->cross_entropy(b, b->gather(b, y, tokens), tokens), 2, 7);
    IS(b->max(b, x, one), 2, 3, 4);
    IS(b->compare(b, TFX_LESS, lab_param(&l, SHAPE(3, 1)), lab_param(&l, SHAPE(1, 4))), 3, 4);
    IS(b->topk(b, x, 4), 2, 3, 4);
    IS(b->stop_gradient(b, x), 2, 3, 4);
    IS(b->iota(b, 7, 0, 1), 7);
    ck_assert(is(&l, b->stop_gradient(b, tokens), TFX_I32, SHAPE(2, 7)));
    IS(b->constant(b, 1, 2, (int64_t[]){6, 1}), 6, 1);
    ck_assert(is(&l, b->cast(b, x, TFX_BF16), TFX_BF16, SHAPE(2, 3, 4)));
    ck_assert_uint_eq(b->rank(b, x), 3);
    ck_assert_int_eq(b->dim_of(b, x, -1), 4);
    ck_assert_int_eq(b->dim_of(b, x, 0), 2);
    ck_assert_int_eq(b->dtype(b, tokens), TFX_I32);
    lab_ok(&l);
    lab_close(&l);
}
END_TEST

/* Calls that change nothing give their operand back and cost nothing. */
START_TEST(nothing_to_do)
{
    lab l;
    lab_open(&l);
    const tfx_builder *b = &l.b;
    tfx_value x = lab_param(&l, SHAPE(2, 3)), q = lab_param(&l, SHAPE(1, 2, 2, 4));
    uint32_t nodes = l.g.n_nodes;
    ck_assert_uint_eq(b->reshape(b, x, 2, (int64_t[]){2, 3}), x);
    ck_assert_uint_eq(b->broadcast(b, x, 2, (int64_t[]){2, 3}), x);
    ck_assert_uint_eq(b->slice(b, x, 0, 0, 2), x);
    ck_assert_uint_eq(b->concat(b, 1, &x, 0), x);
    ck_assert_uint_eq(b->sum(b, x, 0, NULL, 0), x);
    ck_assert_uint_eq(b->cast(b, x, TFX_F32), x);
    ck_assert_uint_eq(b->rope(b, q, 0, 10000), q);
    ck_assert_uint_eq(b->dropout(b, x, 0.5), x); /* not training */
    l.g.training = 1;
    ck_assert_uint_eq(b->dropout(b, x, 0), x);
    ck_assert_uint_eq(l.g.n_nodes, nodes);
    lab_ok(&l);
    lab_close(&l);
}
END_TEST

/* ---- mistakes ---- */

typedef struct mistake {
    const char *says;
    tfx_value (*make)(lab *l, tfx_value x, tfx_value ints); /* x f32 [2, 3, 4], ints i32 [2, 3] */
} mistake;

#define WRONG(name, expression) \
    static tfx_value name(lab *l, tfx_value x, tfx_value ints) \
    { \
        (void)x, (void)ints; \
        return expression; \
    }

WRONG(m_add, l->b.add(B, x, lab_param(l, SHAPE(3))))
WRONG(m_add_dtype, l->b.add(B, x, ints))
WRONG(m_div_bf16, l->b.div(B, l->b.cast(B, x, TFX_BF16), x))
WRONG(m_affine_dtype, l->b.affine(B, ints, 1, 0))
WRONG(m_unary_kind, l->b.unary(B, (tfx_unary)42, x))
WRONG(m_reshape, l->b.reshape(B, x, 2, (int64_t[]){5, 5}))
WRONG(m_reshape_open, l->b.reshape(B, x, 2, (int64_t[]){-1, 5}))
WRONG(m_reshape_twice_open, l->b.reshape(B, x, 3, (int64_t[]){-1, -1, 4}))
WRONG(m_reshape_zero, l->b.reshape(B, x, 2, (int64_t[]){0, 24}))
WRONG(m_reshape_rank, l->b.reshape(B, x, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 24}))
WRONG(m_permute, l->b.permute(B, x, (int[]){0, 1, 1}))
WRONG(m_permute_range, l->b.permute(B, x, (int[]){0, 1, 3}))
WRONG(m_slice_axis, l->b.slice(B, x, 3, 0, 1))
WRONG(m_slice_negative_axis, l->b.slice(B, x, -4, 0, 1))
WRONG(m_slice, l->b.slice(B, x, 1, 2, 2))
WRONG(m_slice_before, l->b.slice(B, x, 1, -1, 2))
WRONG(m_slice_nothing, l->b.slice(B, x, 1, 1, 0))
WRONG(m_concat, l->b.concat(B, 2, (tfx_value[]){x, lab_param(l, SHAPE(2, 3, 5))}, 1))
WRONG(m_concat_none, l->b.concat(B, 0, NULL, 0))
WRONG(m_concat_dtype, l->b.concat(B, 2, (tfx_value[]){lab_param(l, SHAPE(2, 3)), ints}, 0))
WRONG(m_broadcast, l->b.broadcast(B, x, 3, (int64_t[]){2, 3, 5}))
WRONG(m_broadcast_fewer, l->b.broadcast(B, x, 2, (int64_t[]){3, 4}))
WRONG(m_constant, l->b.constant(B, 1, 2, (int64_t[]){2, 0}))
WRONG(m_cast, l->b.cast(B, ints, TFX_F32))
WRONG(m_sum, l->b.sum(B, x, 1, (int[]){3}, 0))
WRONG(m_matmul, l->b.matmul(B, lab_param(l, SHAPE(5, 768)), lab_param(l, SHAPE(4, 512)), TFX_TRANS_B, 1))
WRONG(m_matmul_batch, l->b.matmul(B, x, lab_param(l, SHAPE(3, 4, 4)), 0, 1))
WRONG(m_matmul_rank, l->b.matmul(B, lab_param(l, SHAPE(4)), lab_param(l, SHAPE(4, 4)), 0, 1))
WRONG(m_matmul_trans, l->b.matmul(B, x, lab_param(l, SHAPE(3, 4)), TFX_TRANS_A, 1))
WRONG(m_matmul_dtype, l->b.matmul(B, x, ints, 0, 1))
WRONG(m_softmax, l->b.softmax(B, lab_param(l, SCALAR)))
WRONG(m_norm_kind, l->b.norm(B, (tfx_norm)9, x, 0))
WRONG(m_norm_eps, l->b.norm(B, TFX_NORM_LAYER, x, -1))
WRONG(m_rope_rank, l->b.rope(B, x, 2, 10000))
WRONG(m_rope_odd, l->b.rope(B, lab_param(l, SHAPE(1, 2, 3, 8)), 3, 10000))
WRONG(m_rope_many, l->b.rope(B, lab_param(l, SHAPE(1, 2, 3, 8)), 10, 10000))
WRONG(m_attention, l->b.attention(B, x, x, x, 1))
WRONG(m_attention_heads, l->b.attention(B, lab_param(l, SHAPE(1, 2, 3, 8)), lab_param(l, SHAPE(1, 2, 1, 8)),
                                        lab_param(l, SHAPE(1, 2, 3, 8)), 1))
WRONG(m_attention_divisor, l->b.attention_with(B, lab_param(l, SHAPE(1, 2, 4, 8)), lab_param(l, SHAPE(1, 2, 3, 8)),
                                               lab_param(l, SHAPE(1, 2, 3, 8)), 1, NULL))
WRONG(m_attention_window,
      l->b.attention_with(B, lab_param(l, SHAPE(1, 2, 4, 8)), lab_param(l, SHAPE(1, 2, 4, 8)),
                          lab_param(l, SHAPE(1, 2, 4, 8)), 1, &(tfx_attention){sizeof(tfx_attention), 0, -1, 0, 0}))
WRONG(m_gather, l->b.gather(B, x, ints))
WRONG(m_gather_dtype, l->b.gather(B, lab_param(l, SHAPE(2, 3)), lab_param(l, SHAPE(2))))
WRONG(m_loss, l->b.cross_entropy(B, x, lab_input(l, TFX_I32, SHAPE(2, 2))))
WRONG(m_loss_dtype, l->b.cross_entropy(B, x, lab_param(l, SHAPE(2, 3))))
WRONG(m_dropout, l->b.dropout(B, x, 1))
WRONG(m_dropout_nan, l->b.dropout(B, x, NAN))
WRONG(m_custom, l->b.custom(B, "nobody.nothing/1", 1, &x, 0, NULL, 0, NULL))
WRONG(m_max, l->b.max(B, x, lab_param(l, SHAPE(3))))
WRONG(m_compare_kind, l->b.compare(B, (tfx_compare)7, x, x))
WRONG(m_compare_dtype, l->b.compare(B, TFX_LESS, x, ints))
WRONG(m_topk, l->b.topk(B, x, 5))
WRONG(m_topk_none, l->b.topk(B, x, 0))
WRONG(m_topk_scalar, l->b.topk(B, lab_param(l, SCALAR), 1))
WRONG(m_stop, l->b.stop_gradient(B, 1000))
WRONG(m_array, l->b.array(B, TFX_F32, 2, (int64_t[]){2, 0}, NULL))
WRONG(m_array_dtype, l->b.array(B, TFX_BF16, 1, (int64_t[]){1}, &(float){1}))
WRONG(m_array_large, l->b.array(B, TFX_F32, 2, (int64_t[]){5000, 5000}, &(float){1}))
WRONG(m_iota, l->b.iota(B, 0, 0, 1))
WRONG(m_own, l->b.error(B, "the answer is %d", 42))
WRONG(m_param, l->b.param(B, "w", 0, NULL, &(tfx_init){sizeof(tfx_init), TFX_INIT_CONSTANT, 0, 0}, -1, 0))
WRONG(m_slot, l->b.slot(B, "q", x, 4))
WRONG(m_dim_of, l->b.dim_of(B, x, 3) ? x : TFX_POISON)

static const mistake mistakes[] = {
    {"add: shapes [2, 3, 4] and [3] do not match", m_add},
    {"add: expected an f32 operand, found i32 [2, 3]", m_add_dtype},
    {"div: expected an f32 operand, found bf16 [2, 3, 4]", m_div_bf16},
    {"affine: expected an f32 operand, found i32 [2, 3]", m_affine_dtype},
    {"unary: no function has the number 42", m_unary_kind},
    {"reshape: [2, 3, 4] has 24 elements, the new shape needs 25", m_reshape},
    {"reshape: [2, 3, 4] has 24 elements, the new shape needs a multiple of 5", m_reshape_open},
    {"reshape: dimension 1 is -1", m_reshape_twice_open},
    {"reshape: dimension 0 is 0", m_reshape_zero},
    {"reshape: rank 9 is above the limit of 8", m_reshape_rank},
    {"permute: the order given for [2, 3, 4] is not a permutation", m_permute},
    {"permute: the order given for [2, 3, 4] is not a permutation", m_permute_range},
    {"slice: [2, 3, 4] has no axis 3", m_slice_axis},
    {"slice: [2, 3, 4] has no axis -4", m_slice_negative_axis},
    {"slice: 2 + 2 is outside axis 1 of [2, 3, 4]", m_slice},
    {"slice: -1 + 2 is outside axis 1 of [2, 3, 4]", m_slice_before},
    {"slice: 1 + 0 is outside axis 1 of [2, 3, 4]", m_slice_nothing},
    {"concat along axis 1: f32 [2, 3, 5] does not fit f32 [2, 3, 4]", m_concat},
    {"concat: no operands", m_concat_none},
    {"concat along axis 0: i32 [2, 3] does not fit f32 [2, 3]", m_concat_dtype},
    {"broadcast: [2, 3, 4] cannot stretch to [2, 3, 5]", m_broadcast},
    {"broadcast: [2, 3, 4] cannot stretch to [3, 4]", m_broadcast_fewer},
    {"constant: dimension 1 is 0, expected at least 1", m_constant},
    {"cast: only f32 and bf16 convert into each other", m_cast},
    {"sum: a value of rank 3 has no axis 3", m_sum},
    {"matmul: inner dimensions 768 and 512 differ ([5, 768] times [4, 512] transposed)", m_matmul},
    {"matmul: leading dimensions of [2, 3, 4] and [3, 4, 4] differ", m_matmul_batch},
    {"matmul: operands [4] and [4, 4] need rank 2 at least", m_matmul_rank},
    {"matmul: a transposed left operand must have rank 2, found [2, 3, 4]", m_matmul_trans},
    {"matmul: expected an f32 operand, found i32 [2, 3]", m_matmul_dtype},
    {"softmax: a scalar has no axis", m_softmax},
    {"norm: kind 9", m_norm_kind},
    {"norm: kind 1 with eps -1 cannot apply to [2, 3, 4]", m_norm_eps},
    {"rope: expected [batch, time, heads, head_dim], found [2, 3, 4]", m_rope_rank},
    {"rope: 3 rotated dimensions (base 10000) of 8; expected an even number up to head_dim", m_rope_odd},
    {"rope: 10 rotated dimensions", m_rope_many},
    {"attention: q [2, 3, 4]", m_attention},
    {"k [1, 2, 1, 8]", m_attention_heads},
    {"k [1, 2, 3, 8] and v [1, 2, 3, 8] must all be [batch, time, heads, head_dim]; k and v may have fewer heads, a "
     "divisor",
     m_attention_divisor},
    {"attention: window -1 and soft cap 0; expected 0 or more of both", m_attention_window},
    {"gather: expected a table of rank 2 and i32 indices, found [2, 3, 4]", m_gather},
    {"gather: expected a table of rank 2 and i32 indices, found [2, 3] and f32 [2]", m_gather_dtype},
    {"cross_entropy: logits [2, 3, 4] do not fit i32 targets [2, 2]", m_loss},
    {"cross_entropy: logits [2, 3, 4] do not fit f32 targets [2, 3]", m_loss_dtype},
    {"dropout: probability 1 is outside [0, 1)", m_dropout},
    {"dropout: probability nan is outside [0, 1)", m_dropout_nan},
    {"custom op nobody.nothing/1: no plugins are loaded", m_custom},
    {"max: shapes [2, 3, 4] and [3] do not match", m_max},
    {"compare: no comparison has the number 7", m_compare_kind},
    {"compare: expected an f32 operand, found i32 [2, 3]", m_compare_dtype},
    {"topk: 5 of each row of [2, 3, 4]: expected from 1 to as many as there are", m_topk},
    {"topk: 0 of each row of [2, 3, 4]: expected from 1 to as many as there are", m_topk_none},
    {"topk: 1 of each row of []: expected from 1 to as many as there are", m_topk_scalar},
    {"stop_gradient: 1000 is no value of this graph", m_stop},
    {"array: dimension 1 is 0, expected at least 1", m_array},
    {"array: expected f32 or i32, found dtype 2", m_array_dtype},
    {"array: [5000, 5000] is larger than 64 MB; make it of smaller ones", m_array_large},
    {"iota: expected from 1 to 16777216 elements, found 0", m_iota},
    {"the answer is 42", m_own},
    {"param w: only layers have parameters", m_param},
    {"slot q: only layers have slots", m_slot},
    {"dim_of: a value of rank 3 has no axis 3", m_dim_of},
};
#define N_MISTAKES ((int)(sizeof(mistakes) / sizeof(*mistakes)))

#undef B

START_TEST(mistakes_are_reported)
{
    const mistake *m = &mistakes[_i];
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(2, 3, 4)), ints = lab_input(&l, TFX_I32, SHAPE(2, 3));
    l.g.path = "layer blocks.3.attn.q (pattention)";
    ck_assert_uint_eq(m->make(&l, x, ints), TFX_POISON);
    ERROR_SAYS(&l.err, "layer blocks.3.attn.q (pattention): ", m->says);
    ck_assert_int_eq(l.err.status, TFX_E_INVALID);
    ck_assert_msg(!strncmp(l.err.text, "layer blocks.3.attn.q (pattention): ", 36), "%s", l.err.text);

    /* The first error wins, whatever fails later. */
    char first[sizeof(l.err.text)];
    memcpy(first, l.err.text, sizeof(first));
    l.g.path = "head (linear)";
    ck_assert_uint_eq(l.b.permute(&l.b, x, (int[]){0, 0, 0}), TFX_POISON);
    ck_assert_str_eq(l.err.text, first);
    lab_close(&l);
}
END_TEST

/* Poison goes through every call, adds no node and no message. */
START_TEST(poison_propagates)
{
    lab l;
    lab_open(&l);
    const tfx_builder *b = &l.b;
    tfx_value x = lab_param(&l, SHAPE(2, 3)), no = TFX_POISON;
    tfx_value ints = lab_input(&l, TFX_I32, SHAPE(2));
    uint32_t nodes = l.g.n_nodes;
    l.g.training = 1;
    l.g.dropout_key = ints;
    ck_assert_uint_eq(b->rank(b, no), 0);
    ck_assert_int_eq(b->dim_of(b, no, 5), 0);
    ck_assert_int_eq(b->dtype(b, no), TFX_F32);
    tfx_value all[] = {
        b->reshape(b, no, 1, (int64_t[]){-1}),
        b->permute(b, no, NULL),
        b->slice(b, no, 7, -1, -1),
        b->concat(b, 2, (tfx_value[]){x, no}, 0),
        b->broadcast(b, no, 1, (int64_t[]){3}),
        b->add(b, x, no),
        b->sub(b, no, x),
        b->mul(b, no, no),
        b->div(b, x, no),
        b->affine(b, no, 1, 0),
        b->unary(b, TFX_EXP, no),
        b->cast(b, no, TFX_BF16),
        b->sum(b, no, 1, (int[]){4}, 0),
        b->matmul(b, no, x, 0, 1),
        b->matmul(b, x, no, 0, 1),
        b->softmax(b, no),
        b->norm(b, TFX_NORM_L2, no, 0),
        b->rope(b, no, 2, 1),
        b->attention(b, no, x, x, 1),
        b->attention(b, x, x, no, 1),
        b->gather(b, no, ints),
        b->gather(b, x, no),
        b->cross_entropy(b, no, ints),
        b->cross_entropy(b, x, no),
        b->dropout(b, no, 0.5),
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        ck_assert_msg(all[i] == TFX_POISON, "call %zu does not give poison", i);
    tfx_emit_store(&l.g, no, x);
    tfx_value grad = TFX_POISON;
    tfx_autodiff(&l.g, no, 1, &x, 1, &grad);
    ck_assert_uint_eq(grad, TFX_POISON);
    ck_assert_uint_eq(l.g.n_nodes, nodes);
    lab_ok(&l);
    lab_close(&l);
}
END_TEST

/* A plan of a graph with an error is the error. */
START_TEST(no_plan_after_an_error)
{
    lab l;
    lab_open(&l);
    tfx_value x = lab_param(&l, SHAPE(2, 3)), y = l.b.affine(&l.b, x, 2, 0);
    l.b.slice(&l.b, y, 5, 0, 1);
    tfx_placement_options options = {TFX_FUSE_ROWS, 1};
    ck_assert_ptr_null(tfx_placement_create(&l.g, &y, 1, &options));
    ERROR_SAYS(&l.err, "slice: [2, 3] has no axis 5");
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/emit");
    TCase *c = tcase_create("emit");
    tcase_add_test(c, shapes);
    tcase_add_test(c, nothing_to_do);
    tcase_add_loop_test(c, mistakes_are_reported, 0, N_MISTAKES);
    tcase_add_test(c, poison_propagates);
    tcase_add_test(c, no_plan_after_an_error);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
