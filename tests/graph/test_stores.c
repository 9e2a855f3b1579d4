/* Stores: new contents of state tensors, in place where that is safe, against readers of
 * the old contents. Each graph runs in all four ways and is compared with the interpreter. */
#include "tests/check_main.h"
#include "tests/graph/executions.h"

#define B (&l->b)

typedef struct store_case {
    const char *name;
    /* Builds into l from tensors a, b (f32 [3, 4]) and c (f32 [4]); gives one output. */
    tfx_value (*build)(lab *l, tfx_value a, tfx_value b, tfx_value c);
    int copies; /* STORE steps that remain when fused; -1: any number */
} store_case;

#define BUILD(name) static tfx_value name(lab *l, tfx_value a, tfx_value b, tfx_value c)

BUILD(in_place)
{
    (void)b;
    tfx_emit_store(&l->g, l->b.sub(B, a, l->b.affine(B, a, 0.5, 0.25)), a);
    return l->b.affine(B, c, 2, 0);
}

BUILD(independent_of_the_old)
{
    (void)c;
    tfx_emit_store(&l->g, l->b.affine(B, b, 3, 0), a);
    return l->b.affine(B, b, 1, 1);
}

/* The old contents are read by something that needs the new ones first. */
BUILD(old_read_after_new)
{
    (void)b, (void)c;
    tfx_value fresh = l->b.affine(B, a, -1, 2), total = tfx_emit_sum(&l->g, fresh, 3, 0);
    tfx_emit_store(&l->g, fresh, a);
    return l->b.mul(B, a, total);
}

/* As the optimizer above, but the old contents are read through a view. */
BUILD(old_view_read_after_new)
{
    (void)b, (void)c;
    tfx_value fresh = l->b.affine(B, a, -1, 2), total = tfx_emit_sum(&l->g, fresh, 3, 0);
    tfx_value view = l->b.reshape(B, a, 1, (int64_t[]){12});
    tfx_emit_store(&l->g, fresh, a);
    return l->b.mul(B, view, total);
}

/* The chain that makes the new contents reads the old ones at other indices. */
BUILD(read_through_broadcast)
{
    (void)b;
    tfx_value table = l->b.broadcast(B, c, 2, (int64_t[]){3, 4});
    tfx_value fresh = tfx_emit_sum(&l->g, l->b.mul(B, table, a), 1, 0);
    tfx_emit_store(&l->g, fresh, c);
    return table;
}

BUILD(permuted_into_itself)
{
    (void)c;
    tfx_value square = l->b.matmul(B, a, b, TFX_TRANS_B, 1); /* [3, 3] */
    tfx_value place = lab_filled(l, TFX_STATE_PARAM, SHAPE(3, 3), &(dice){.seed = 5}, -1, 1);
    tfx_emit_store(&l->g, l->b.permute(B, place, (int[]){1, 0}), place);
    return square;
}

BUILD(one_value_two_places)
{
    (void)c;
    tfx_value v = l->b.mul(B, a, b);
    tfx_emit_store(&l->g, v, a);
    tfx_emit_store(&l->g, v, b);
    return tfx_emit_sum(&l->g, v, 3, 0);
}

BUILD(old_contents_elsewhere) /* b keeps what a was */
{
    (void)c;
    tfx_emit_store(&l->g, a, b);
    tfx_emit_store(&l->g, l->b.affine(B, a, 0.5, 0), a);
    return l->b.affine(B, b, 1, 0);
}

BUILD(old_view_elsewhere)
{
    (void)b;
    tfx_value place = lab_param(l, SHAPE(12));
    tfx_emit_store(&l->g, l->b.affine(B, a, 0.5, 0), a);
    tfx_emit_store(&l->g, l->b.reshape(B, a, 1, (int64_t[]){12}), place);
    return l->b.affine(B, c, 1, 0);
}

BUILD(swap)
{
    (void)c;
    tfx_emit_store(&l->g, a, b);
    tfx_emit_store(&l->g, b, a);
    return l->b.add(B, a, b);
}

BUILD(rotate)
{
    tfx_value third = lab_filled(l, TFX_STATE_PARAM, SHAPE(3, 4), &(dice){.seed = 6}, -1, 1);
    tfx_emit_store(&l->g, a, b);
    tfx_emit_store(&l->g, b, third);
    tfx_emit_store(&l->g, third, a);
    return l->b.affine(B, c, 1, 0);
}

BUILD(itself)
{
    (void)b;
    tfx_emit_store(&l->g, a, a);
    return l->b.affine(B, c, 1, 0);
}

BUILD(crossed_updates) /* each new value needs both old ones */
{
    (void)c;
    tfx_value x = l->b.sub(B, a, l->b.affine(B, b, 0.5, 0)), y = l->b.add(B, b, l->b.affine(B, a, 0.25, 0));
    tfx_emit_store(&l->g, x, a);
    tfx_emit_store(&l->g, y, b);
    return l->b.mul(B, x, y);
}

BUILD(new_needs_new) /* b's new contents are made from a's new and old ones */
{
    (void)c;
    tfx_value x = l->b.affine(B, a, 0.5, 1), y = l->b.sub(B, l->b.mul(B, x, b), a);
    tfx_emit_store(&l->g, x, a);
    tfx_emit_store(&l->g, y, b);
    return tfx_emit_sum(&l->g, y, 2, 0);
}

BUILD(constant)
{
    (void)b;
    tfx_emit_store(&l->g, tfx_emit_constant(&l->g, 0, 2, (int64_t[]){3, 4}), a);
    return l->b.add(B, a, c);
}

BUILD(broadcast_into_place)
{
    (void)b;
    tfx_emit_store(&l->g, l->b.broadcast(B, c, 2, (int64_t[]){3, 4}), a);
    return l->b.affine(B, c, 1, 0);
}

BUILD(output_and_store)
{
    (void)c;
    tfx_value v = l->b.mul(B, a, b);
    tfx_emit_store(&l->g, v, a);
    return v;
}

BUILD(view_stored)
{
    (void)c;
    tfx_value v = l->b.mul(B, a, b);
    tfx_value place = lab_param(l, SHAPE(2, 6));
    tfx_emit_store(&l->g, l->b.reshape(B, v, 2, (int64_t[]){2, 6}), place);
    return tfx_emit_sum(&l->g, v, 3, 0);
}

BUILD(accumulate) /* matmul adds to the place itself */
{
    (void)c;
    tfx_value sum = lab_filled(l, TFX_STATE_SCRATCH, SHAPE(3, 3), &(dice){.seed = 7}, -1, 1);
    tfx_emit_store(&l->g, tfx_emit_matmul(&l->g, a, b, TFX_TRANS_B, 1, sum), sum);
    return l->b.affine(B, a, 1, 0);
}

BUILD(accumulate_and_multiply) /* ... and cannot, when it is a factor too */
{
    (void)a, (void)c;
    tfx_value sum = lab_filled(l, TFX_STATE_SCRATCH, SHAPE(3, 3), &(dice){.seed = 7}, -1, 1);
    tfx_emit_store(&l->g, tfx_emit_matmul(&l->g, sum, sum, 0, 0.5, sum), sum);
    return l->b.affine(B, b, 1, 0);
}

BUILD(low_precision)
{
    (void)c;
    tfx_value m = lab_tensor(l, TFX_STATE_OPTIMIZER, TFX_BF16, SHAPE(3, 4));
    uint16_t *bits = lab_data(l, m);
    for (int i = 0; i < 12; i++)
        bits[i] = (uint16_t)(0x3f80 + 8 * i); /* 1 and above */
    tfx_value old = l->b.cast(B, m, TFX_F32);
    tfx_value fresh = l->b.add(B, l->b.affine(B, old, 0.875, 0), l->b.affine(B, a, 0.125, 0));
    tfx_emit_store(&l->g, l->b.cast(B, fresh, TFX_BF16), m);
    tfx_emit_store(&l->g, l->b.sub(B, b, fresh), b);
    return old;
}

/* adamw in small: every piece of state read old and written new. */
BUILD(optimizer)
{
    tfx_value gradient = l->b.mul(B, a, b), count = c;
    tfx_value filled = l->b.affine(B, count, 0.9, 0.1);
    tfx_value m = l->b.add(B, l->b.affine(B, b, 0.9, 0), l->b.affine(B, gradient, 0.1, 0));
    tfx_emit_store(&l->g, l->b.sub(B, a, l->b.mul(B, m, filled)), a);
    tfx_emit_store(&l->g, m, b);
    tfx_emit_store(&l->g, filled, count);
    return tfx_emit_sum(&l->g, l->b.mul(B, gradient, gradient), 3, 0);
}

static const store_case cases[] = {
    {"in place", in_place, 0},
    {"independent of the old contents", independent_of_the_old, 0},
    {"old contents read after the new exist", old_read_after_new, 1},
    {"a view of old contents read after the new exist", old_view_read_after_new, 1},
    {"old contents read through a broadcast", read_through_broadcast, -1},
    {"a tensor permuted into itself", permuted_into_itself, 1},
    {"one value into two places", one_value_two_places, 1},
    {"old contents kept elsewhere", old_contents_elsewhere, 0},
    {"a view of old contents kept elsewhere", old_view_elsewhere, -1},
    {"swap", swap, 1},
    {"rotate", rotate, -1},
    {"into itself", itself, -1},
    {"crossed updates", crossed_updates, -1},
    {"new contents from new contents", new_needs_new, -1},
    {"a constant", constant, 0},
    {"a broadcast", broadcast_into_place, 0},
    {"an output", output_and_store, 1},
    {"a view", view_stored, 1},
    {"accumulation", accumulate, 0},
    {"accumulation into a factor", accumulate_and_multiply, 1},
    {"bf16", low_precision, 0},
    {"an optimizer", optimizer, 0},
};
#define N_CASES ((int)(sizeof(cases) / sizeof(*cases)))

#undef B

START_TEST(stores)
{
    const store_case *s = &cases[_i];
    lab l;
    lab_open(&l);
    dice d = {.seed = 11};
    tfx_value a = lab_filled(&l, TFX_STATE_PARAM, SHAPE(3, 4), &d, -1, 1);
    tfx_value b = lab_filled(&l, TFX_STATE_PARAM, SHAPE(3, 4), &d, -1, 1);
    tfx_value c = lab_filled(&l, TFX_STATE_PARAM, SHAPE(4), &d, -1, 1);
    tfx_value output = s->build(&l, a, b, c);
    lab_ok(&l);
    interpreter it = {0};
    interpret(&it, &l);
    result r = check_executions(&l, &it, &output, 1, s->name);
    result_finish(&r);
    lab_program p = lab_plan(&l, &output, 1, FUSE | REUSE);
    if (s->copies >= 0)
        ck_assert_msg(count_stores(&p.placement->program) == (uint32_t)s->copies, "%s: %u copies, expected %d", s->name,
                      count_stores(&p.placement->program), s->copies);
    lab_program_finish(&l, &p);
    interpreter_finish(&it);
    lab_close(&l);
}
END_TEST

/* The same program run again goes on from what it left. */
START_TEST(runs_follow_each_other)
{
    lab l;
    lab_open(&l);
    tfx_value a = lab_param(&l, SHAPE(3)), b = lab_param(&l, SHAPE(3));
    ((float *)lab_data(&l, a))[0] = 1;
    tfx_value next = l.b.add(&l.b, a, b);
    tfx_emit_store(&l.g, a, b);
    tfx_emit_store(&l.g, next, a);
    lab_ok(&l);
    lab_program p = lab_plan(&l, NULL, 0, FUSE | REUSE);
    float expected[] = {1, 2, 3, 5, 8, 13, 21};
    for (int i = 0; i < 7; i++) {
        lab_run(&l, &p);
        ck_assert_msg(((float *)lab_data(&l, a))[0] == expected[i], "step %d: %g, expected %g", i,
                      (double)((float *)lab_data(&l, a))[0], (double)expected[i]);
    }
    lab_program_finish(&l, &p);
    lab_close(&l);
}
END_TEST

START_TEST(places_must_fit)
{
    lab l;
    lab_open(&l);
    tfx_value a = lab_param(&l, SHAPE(3, 4)), b = lab_param(&l, SHAPE(4, 3));
    tfx_emit_store(&l.g, a, b);
    ERROR_SAYS(&l.err, "store: value is f32 [3, 4], its place is f32 [4, 3]");
    lab_reset(&l);
    a = lab_param(&l, SHAPE(3));
    tfx_emit_store(&l.g, l.b.cast(&l.b, a, TFX_BF16), a);
    ERROR_SAYS(&l.err, "store: value is bf16 [3], its place is f32 [3]");
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph/stores");
    TCase *c = tcase_create("stores");
    tcase_add_loop_test(c, stores, 0, N_CASES);
    tcase_add_test(c, runs_follow_each_other);
    tcase_add_test(c, places_must_fit);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
