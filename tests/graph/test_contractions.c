/* Contractions: which products sum over an axis of a parameter. */
#include "framework/graph/contractions.h"

#include "tests/check_main.h"
#include "tests/graph/lab.h"

enum { ROWS = 3, IN = 4, SLOTS = 5, OUT = 2 };

START_TEST(finds)
{
    lab l;
    lab_open(&l);
    tfx_value x = lab_input(&l, TFX_F32, SHAPE(2, ROWS, IN)), flat = lab_input(&l, TFX_F32, SHAPE(IN, ROWS));
    tfx_value key = lab_param(&l, SHAPE(SLOTS, IN)), value = lab_param(&l, SHAPE(SLOTS, OUT));
    tfx_value moment = lab_tensor(&l, TFX_STATE_OPTIMIZER, TFX_F32, SHAPE(IN, OUT));
    tfx_value s = l.b.unary(&l.b, TFX_GELU_ERF, l.b.matmul(&l.b, x, key, TFX_TRANS_B, 1));
    l.b.matmul(&l.b, s, value, 0, 0.5);
    /* None of these: what is made of a parameter, what is no parameter, rows in columns, a parameter on the left. */
    l.b.matmul(&l.b, s, l.b.affine(&l.b, value, 2, 0), 0, 1);
    l.b.matmul(&l.b, x, moment, 0, 1);
    l.b.matmul(&l.b, flat, lab_param(&l, SHAPE(IN, OUT)), TFX_TRANS_A, 1);
    l.b.matmul(&l.b, key, flat, 0, 1);
    lab_ok(&l);

    tfx_contractions c;
    tfx_contractions_find(&l.g, &c);
    ck_assert_uint_eq(c.n, 2);
    ck_assert_ptr_eq(&l.state.tensors[c.items[0].param], lab_state_of(&l, key));
    ck_assert(c.items[0].axis == 1 && c.items[0].weights == x && c.items[0].scale == 1);
    ck_assert_ptr_eq(&l.state.tensors[c.items[1].param], lab_state_of(&l, value));
    ck_assert(c.items[1].axis == 0 && c.items[1].weights == s && c.items[1].scale == 0.5);
    tfx_contractions_finish(&c);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/contractions");
    TCase *c = tcase_create("contractions");
    tcase_add_test(c, finds);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
