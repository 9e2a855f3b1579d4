/* What a measured step finds out about slices, against double precision. */
#include "framework/plan/slices.h"

#include "tests/check_main.h"
#include "tests/graph/lab.h"

enum { ROWS = 6, SLOTS = 5, OUT = 3 };

static void close_to(double found, double expected, const char *what, int i)
{
    ck_assert_msg(fabs(found - expected) <= 1e-6 * fabs(expected), "%s %d: %.9g, expected %.9g", what, i, found,
                  expected);
}

/* Rows [2, 3, SLOTS], a parameter that is summed over along `axis`, with a scale; and one that has not grown. */
START_TEST(energies)
{
    const uint32_t axis = (uint32_t)_i;
    const int64_t before_dims[2] = {axis ? OUT : SLOTS - 2, axis ? SLOTS - 2 : OUT};
    lab l;
    lab_open(&l);
    dice d = {.seed = 5};
    tfx_value s = lab_filled(&l, TFX_STATE_INPUT, SHAPE(2, ROWS / 2, SLOTS), &d, -2, 2);
    tfx_value v = lab_filled(&l, TFX_STATE_PARAM, axis ? SHAPE(OUT, SLOTS) : SHAPE(SLOTS, OUT), &d, -1, 1);
    tfx_value same = lab_filled(&l, TFX_STATE_PARAM, SHAPE(SLOTS, OUT), &d, -1, 1);
    l.b.matmul(&l.b, s, v, axis ? TFX_TRANS_B : 0, 0.5);
    l.b.matmul(&l.b, s, same, 0, 1);
    l.b.matmul(&l.b, s, v, axis ? TFX_TRANS_B : 0, 3); /* used twice: two sites */

    tfx_state_layout before = {0};
    tfx_state_add(&before, TFX_STATE_PARAM, lab_state_of(&l, v)->name, TFX_F32, 2, before_dims);
    tfx_state_add(&before, TFX_STATE_PARAM, lab_state_of(&l, same)->name, TFX_F32, 2, (const int64_t[]){SLOTS, OUT});
    tfx_slice_sites sites = {0};
    tfx_slice_sites_find(&sites, &l.g, &before);
    ck_assert_uint_eq(sites.n, 2);
    ck_assert_uint_eq(sites.n_slots, 2 * SLOTS);
    ck_assert(sites.items[1].first == SLOTS && sites.items[1].n == SLOTS);

    tfx_value all = tfx_slice_energies(&l.g, &sites);
    lab_program p = lab_plan(&l, &all, 1, FUSE | REUSE);
    float found[2 * SLOTS];
    ck_assert_uint_eq(lab_output_count(&p, 0), 2 * SLOTS);
    lab_run(&l, &p);
    lab_output(&l, &p, 0, found);
    const float *rows = lab_data(&l, s), *values = lab_data(&l, v);
    for (int j = 0; j < SLOTS; j++) {
        double weights = 0, norm = 0;
        for (int r = 0; r < ROWS; r++)
            weights += pow((double)rows[r * SLOTS + j], 2);
        for (int i = 0; i < OUT; i++)
            norm += pow((double)values[axis ? i * SLOTS + j : j * OUT + i], 2);
        close_to((double)found[j], 0.25 * weights * norm, "slot", j);
        close_to((double)found[SLOTS + j], 9 * weights * norm, "slot used again", j);
    }
    lab_program_finish(&l, &p);
    tfx_slice_sites_finish(&sites);
    tfx_state_finish(&before);
    lab_close(&l);
}
END_TEST

/* Without any site there is nothing to join. */
START_TEST(no_sites)
{
    lab l;
    lab_open(&l);
    tfx_slice_sites sites = {0};
    ck_assert_uint_eq(tfx_slice_energies(&l.g, &sites), TFX_POISON);
    lab_ok(&l);
    lab_close(&l);
}
END_TEST

/* Gradients of all sizes, of which few are new and small ones. */
START_TEST(sums)
{
    enum { N = 40 };
    static const double sizes[] = {1, 1e-15, 1e10};
    const double size = sizes[_i];
    lab l;
    lab_open(&l);
    dice d = {.seed = 6};
    tfx_value of[4], out[TFX_SLICE_SUMS];
    for (int k = 0; k < 4; k++)
        of[k] = lab_filled(&l, TFX_STATE_INPUT, SHAPE(N / 8, 8), &d, -1, 1);
    tfx_value old = of[3];
    for (int i = 0; i < N; i++) {
        ((float *)lab_data(&l, old))[i] = i % 8 != 3;
        for (int k = 0; k < 3; k++)
            ((float *)lab_data(&l, of[k]))[i] *= (float)(i % 8 == 3 ? size * 1e-5 : size);
    }
    tfx_slice_sums(&l.g, old, of[0], of[1], of[2], out);
    tfx_value all = tfx_slice_join(&l.g, out, TFX_SLICE_SUMS);
    lab_program p = lab_plan(&l, &all, 1, FUSE | REUSE);
    lab_run(&l, &p);
    float found[TFX_SLICE_SUMS];
    lab_output(&l, &p, 0, found);
    double expected[TFX_SLICE_SUMS] = {0};
    for (int i = 0; i < N; i++) {
        double x[3];
        for (int k = 0; k < 3; k++)
            x[k] = (double)((const float *)lab_data(&l, of[k]))[i];
        int part = i % 8 == 3;
        expected[TFX_SLICE_GRADIENT + part] += x[0] * x[0];
        expected[TFX_SLICE_UPDATE + part] += pow((double)((float)x[2] - (float)x[1]), 2);
        expected[TFX_SLICE_WEIGHT + part] += x[1] * x[1];
    }
    for (int i = 0; i < TFX_SLICE_SUMS; i++)
        close_to(sqrt((double)found[i]) / TFX_SLICE_SCALE, sqrt(expected[i]), "sum", i);
    lab_program_finish(&l, &p);
    lab_close(&l);
}
END_TEST

/* A parameter that is a single number is old or new as a whole, and learns at the rate of what it is. */
START_TEST(single_number)
{
    lab l;
    lab_open(&l);
    tfx_setting none = {"momentum", "0", "test", 0};
    const tfx_optimizer_class *cls = tfx_registry_find(l.registry, TFX_KIND_OPTIMIZER, "sgd", &l.err);
    tfx_options *options = tfx_options_resolve(cls->options, cls->n_options, &none, 1, "optimizer sgd", &l.err);
    tfx_train_config train = {.optimizer = {.name = "sgd", .impl = cls, .options = options}};
    tfx_value x = lab_param(&l, SCALAR), grad = lab_input(&l, TFX_F32, SCALAR), lr = lab_input(&l, TFX_F32, SCALAR);
    tfx_trained_params t = {.rates = {1, 0.5, 3}};
    tfx_optimizer_declare(&t, &train, 0, &l.g, &l.state, &l.err);
    lab_ok(&l);
    ck_assert(t.n == 1 && !strcmp(l.state.tensors[t.items[0].in_place[0]].name, "tensor0/in place 0"));
    tfx_value places = tfx_emit_state(&l.g, t.items[0].in_place[0]), out[TFX_SLICE_SUMS];
    l.image = tfx_realloc(l.image, l.state.bytes);
    l.image_bytes = l.state.bytes;
    tfx_optimizer_update(&t, &train, &l.g, &grad, TFX_POISON, lr, out);
    tfx_value all = tfx_slice_join(&l.g, out, TFX_SLICE_SUMS);
    lab_program p = lab_plan(&l, &all, 1, FUSE | REUSE);
    for (int old = 0; old < 2; old++) {
        float found[TFX_SLICE_SUMS];
        *(float *)lab_data(&l, x) = 2;
        *(float *)lab_data(&l, grad) = 1;
        *(float *)lab_data(&l, lr) = 0.25f;
        *(float *)lab_data(&l, places) = (float)old;
        lab_run(&l, &p);
        lab_output(&l, &p, 0, found);
        double update = old ? 0.125 : 0.75;
        ck_assert_double_eq((double)*(float *)lab_data(&l, x), 2 - update);
        close_to(sqrt((double)found[TFX_SLICE_UPDATE + !old]) / TFX_SLICE_SCALE, update, "update of a part", old);
        ck_assert_double_eq((double)found[TFX_SLICE_UPDATE + old], 0);
    }
    lab_program_finish(&l, &p);
    tfx_optimizer_finish(&t);
    tfx_options_destroy(options);
    lab_close(&l);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan/slices");
    TCase *c = tcase_create("slices");
    tcase_add_loop_test(c, energies, 0, 2);
    tcase_add_test(c, no_sites);
    tcase_add_loop_test(c, sums, 0, 3);
    tcase_add_test(c, single_number);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
