/* The table of ops: its rows fit the ABI's op codes, and what it says of overwriting operands
 * holds for placement and for stores alike. */
#include "tests/check_main.h"
#include "framework/graph/ops.h"
#include "tests/graph/executions.h"

START_TEST(rows)
{
    for (int op = 0; op <= TFX_OP_TOPK; op++) {
        const char *name = tfx_op_name((tfx_op)op);
        if (!strcmp(name, "?"))
            continue;
        const tfx_op_info *o = tfx_op_info_of((tfx_op)op);
        ck_assert_msg(o->min_in <= o->max_in && o->n_out <= TFX_MAX_RESULTS, "%s: arity", name);
        ck_assert_msg(o->pointwise == (op >= TFX_OP_CONST && op <= TFX_OP_COMPARE), "%s: pointwise", name);
        ck_assert_msg(o->n_out == (op != TFX_OP_STORE) || o->n_out > 1, "%s: results", name);
        /* Of several results it would not be known which one takes the place. */
        ck_assert_msg(!o->overwrites || o->n_out == 1, "%s: overwrites with several results", name);
        for (uint32_t k = o->max_in; k < 40; k++)
            ck_assert_msg(!tfx_op_may_overwrite((tfx_op)op, k), "%s: overwrites operand %u", name, k);
        ck_assert_msg(!o->no_unit || (!o->pointwise && !o->overwrites), "%s: never executed", name);
    }
    ck_assert_str_eq(tfx_op_name((tfx_op)9), "?");
    ck_assert_str_eq(tfx_op_name((tfx_op)(TFX_OP_TOPK + 1)), "?");
    ck_assert_str_eq(tfx_op_name((tfx_op)-1), "?");
}
END_TEST

/* The gradient of logits may be computed into the logits' memory, also where that is a tensor
 * which a store gives the gradient to. */
START_TEST(logits_become_their_gradient)
{
    lab l;
    lab_open(&l);
    dice d = {.seed = 5};
    tfx_value logits = lab_filled(&l, TFX_STATE_PARAM, SHAPE(3, 4), &d, -1, 1);
    tfx_value targets = lab_input(&l, TFX_I32, SHAPE(3)), grad = TFX_POISON;
    memcpy(lab_data(&l, targets), (int32_t[]){3, 0, 2}, sizeof(int32_t[3]));
    tfx_autodiff(&l.g, l.b.cross_entropy(&l.b, logits, targets), 1, &logits, 1, &grad);
    lab_ok(&l);
    result expected = execute(&l, &grad, 1, FUSE | REUSE, "kept");
    tfx_emit_store(&l.g, grad, logits);
    result got = execute(&l, NULL, 0, FUSE | REUSE, "stored");
    ck_assert_msg(!memcmp(got.state + lab_state_of(&l, logits)->offset, expected.outputs, sizeof(float[12])),
                  "another gradient");
    lab_program p = lab_plan(&l, NULL, 0, FUSE | REUSE);
    ck_assert_uint_eq(count_stores(&p.placement->program), 0);
    lab_program_finish(&l, &p);
    result_finish(&expected);
    result_finish(&got);
    lab_close(&l);
}
END_TEST

/* The key is as large as a result of two elements, and dies there, but it is read for each of them. */
START_TEST(a_dropout_key_is_not_overwritten)
{
    lab l;
    lab_open(&l);
    dice d = {.seed = 5};
    tfx_value keys = lab_input(&l, TFX_I32, SHAPE(4)), x = lab_filled(&l, TFX_STATE_PARAM, SHAPE(2), &d, 1, 2);
    tfx_value y = tfx_emit_dropout(&l.g, x, l.b.slice(&l.b, keys, 0, 1, 2), 0.5, 0);
    result r = execute(&l, &y, 1, FUSE | REUSE, "dropout"); /* checks the memory of the program */
    result_finish(&r);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/ops");
    TCase *c = tcase_create("ops");
    tcase_add_test(c, rows);
    tcase_add_test(c, logits_become_their_gradient);
    tcase_add_test(c, a_dropout_key_is_not_overwritten);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
