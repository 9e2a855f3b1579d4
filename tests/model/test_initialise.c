/* Initialisation: a function of seed, path and index alone, however it is cut into pieces. */
#include "framework/model/initialise.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "tests/check_main.h"

START_TEST(initialisation)
{
    enum { N = 300000 };
    tfx_state_tensor t = {.name = (char *)"blocks.0.ffn.key",
                          .kind = TFX_STATE_PARAM,
                          .dtype = TFX_F32,
                          .n_dims = 1,
                          .dims = {N},
                          .elements = N};
    t.init = tfx_init_normal(0.5);
    t.init.mean = 2;
    float *whole = tfx_alloc(N * sizeof(float)), *pieces = tfx_alloc(N * sizeof(float));
    tfx_param_initialise(&t, 9, 0, N, whole);
    for (uint64_t at = 0; at < N; at += 100001) /* in uneven pieces: the same numbers */
        tfx_param_initialise(&t, 9, at, N - at < 100001 ? N - at : 100001, pieces + at);
    ck_assert(!memcmp(whole, pieces, N * sizeof(float)));
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        sum += (double)whole[i];
        squares += ((double)whole[i] - 2) * ((double)whole[i] - 2);
    }
    ck_assert_double_eq_tol(sum / N, 2, 5 * 0.5 / sqrt(N));
    ck_assert_double_eq_tol(sqrt(squares / N), 0.5, 5 * 0.5 / sqrt(2.0 * N));

    int same_seed = 0, same_name = 0;
    tfx_param_initialise(&t, 10, 0, N, pieces);
    for (int i = 0; i < N; i++)
        same_seed += pieces[i] == whole[i];
    t.name = (char *)"blocks.1.ffn.key";
    tfx_param_initialise(&t, 9, 0, N, pieces);
    for (int i = 0; i < N; i++)
        same_name += pieces[i] == whole[i];
    ck_assert_int_lt(same_seed, 100);
    ck_assert_int_lt(same_name, 100);
    t.init = tfx_init_constant(1.5);
    tfx_param_initialise(&t, 9, 0, N, pieces);
    ck_assert(pieces[0] == 1.5f && pieces[N - 1] == 1.5f);
    free(whole);
    free(pieces);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/initialise");
    TCase *c = tcase_create("initialise");
    tcase_add_test(c, initialisation);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
