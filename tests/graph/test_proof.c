/* Proofs by hand: what is told apart, and what is said of it. test_proof_values.c has programs at random. */
#include <stdio.h>

#include "framework/graph/proof.h"
#include "tests/check_main.h"

enum { OLD, NOW, SIDES };

typedef struct hand {
    tfx_error err;
    tfx_state_layout state[SIDES];
    tfx_graph g[SIDES];
    tfx_value x[SIDES]; /* [2, 3] */
} hand;

static void hand_open(hand *h)
{
    *h = (hand){0};
    for (int s = 0; s < SIDES; s++) {
        tfx_graph_init(&h->g[s], &h->state[s], &h->err);
        h->x[s] = tfx_emit_state(&h->g[s],
                                 tfx_state_add(&h->state[s], TFX_STATE_INPUT, "/x", TFX_F32, 2, (int64_t[]){2, 3}));
    }
}

static int hand_same(hand *h, tfx_value now, tfx_value old, double *factor, char *text, size_t n)
{
    const char *why;
    tfx_proof *p = tfx_proof_create(&h->g[OLD], &h->g[NOW]);
    int same = tfx_proof_same(p, now, old, factor, &why);
    snprintf(text, n, "%s", why);
    tfx_proof_destroy(p);
    for (int s = 0; s < SIDES; s++) {
        tfx_graph_finish(&h->g[s]);
        tfx_state_finish(&h->state[s]);
    }
    return same;
}

static tfx_value scaled(hand *h, int side, double by)
{
    return tfx_emit_affine(&h->g[side], h->x[side], by, 0);
}

static tfx_value tanh_of(hand *h, int side, tfx_value x)
{
    return tfx_emit_unary(&h->g[side], TFX_TANH, x);
}

static tfx_value normalised(hand *h, int side, double eps)
{
    return tfx_emit_norm(&h->g[side], TFX_NORM_RMS, h->x[side], eps);
}

/* Nodes of the old graph that differ in a number alone are not one and the same. */
START_TEST(numbers_tell_old_nodes_apart)
{
    double factor;
    char why[200];
    hand h;
    for (int other = 0; other < 2; other++) {
        hand_open(&h);
        normalised(&h, OLD, 0.1);
        tfx_value old = tanh_of(&h, OLD, normalised(&h, OLD, 0.2));
        tfx_value now = tanh_of(&h, NOW, normalised(&h, NOW, other ? 0.1 : 0.2));
        ck_assert_int_eq(hand_same(&h, now, old, &factor, why, sizeof(why)), !other);
        if (!other)
            ck_assert_str_eq(why, "every value is computed as before");
    }
}
END_TEST

/* A result that is scaled, another one, and one that the old graph does not compute. */
START_TEST(results)
{
    double factor;
    char why[200];
    hand h;
    hand_open(&h);
    tfx_value old = scaled(&h, OLD, 2);
    ck_assert(hand_same(&h, scaled(&h, NOW, 3), old, &factor, why, sizeof(why)));
    ck_assert_double_eq(factor, 1.5);
    hand_open(&h);
    tanh_of(&h, OLD, h.x[OLD]);
    ck_assert(!hand_same(&h, tanh_of(&h, NOW, h.x[NOW]), h.x[OLD], &factor, why, sizeof(why)));
    ck_assert_str_eq(why, "the result is another value than before");
    hand_open(&h);
    ck_assert(!hand_same(&h, tanh_of(&h, NOW, h.x[NOW]), h.x[OLD], &factor, why, sizeof(why)));
    ck_assert_str_eq(why, "unary: the old model does not compute this");
    hand_open(&h);
    ck_assert(!hand_same(&h, scaled(&h, NOW, 0), h.x[OLD], &factor, why, sizeof(why)));
    hand_open(&h);
    old = tanh_of(&h, OLD, scaled(&h, OLD, 2));
    ck_assert(!hand_same(&h, tanh_of(&h, NOW, scaled(&h, NOW, 3)), old, &factor, why, sizeof(why)));
    ck_assert_str_eq(why, "unary: its argument is 1.5 times what it was");
}
END_TEST

/* Zeros vanish from a sum, and what the old graph does not have may be behind them; anything else does not vanish. */
START_TEST(sums_with_what_was_not_there)
{
    double factor;
    char why[200];
    for (int zero = 0; zero < 2; zero++) {
        hand h;
        hand_open(&h);
        tfx_value old = tanh_of(&h, OLD, h.x[OLD]);
        tfx_value more = tfx_emit_unary(&h.g[NOW], TFX_EXP, h.x[NOW]);
        more = tfx_emit_binary(&h.g[NOW], TFX_OP_MUL, more, tfx_emit_constant(&h.g[NOW], zero ? 0 : 2, 0, NULL));
        tfx_value now = tanh_of(&h, NOW, tfx_emit_binary(&h.g[NOW], TFX_OP_SUB, h.x[NOW], more));
        int same = hand_same(&h, now, old, &factor, why, sizeof(why));
        ck_assert_int_eq(same, zero);
        if (!zero)
            ck_assert_str_eq(why, "sub: something adds what the old model does not have (unary: the old model does not "
                                  "compute this), and it is not zero");
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("proof");
    TCase *c = tcase_create("all");
    tcase_add_test(c, numbers_tell_old_nodes_apart);
    tcase_add_test(c, results);
    tcase_add_test(c, sums_with_what_was_not_there);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
