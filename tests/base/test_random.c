/* Random numbers: Philox4x32-10 against the known answers that its authors publish with
 * Random123 (kat_vectors), and normal deviates against their moments. */
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "tests/check_main.h"

/* Each line of kat_vectors has four counter words, two key words and four results; the first
 * two results make the u64. */
START_TEST(known_answers)
{
    ck_assert_uint_eq(tfx_random_u64(0, 0, 0), 0xe169c58d6627e8d5u);
    ck_assert_uint_eq(tfx_random_u64(UINT64_MAX, UINT64_MAX, UINT64_MAX), 0x41c83b0e408f276du);
    ck_assert_uint_eq(tfx_random_u64(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u),
                      0x94fdccebd16cfe09u);
}
END_TEST

START_TEST(normal_has_its_moments)
{
    enum { N = 200000 };
    float *x = TFX_NEW_ARRAY(float, N);
    double mean = 0, var = 0, third = 0, fourth = 0;
    tfx_random_normal(7, 3, 0, N, 0.0, 1.0, x);
    for (int i = 0; i < N; i++)
        mean += x[i] / N;
    for (int i = 0; i < N; i++) {
        double d = x[i] - mean;
        var += d * d / N;
        third += d * d * d / N;
        fourth += d * d * d * d / N;
    }
    /* Five standard errors of each estimate: the variances are 1, 2, 15 and 96 over N. */
    ck_assert_double_lt(fabs(mean), 5 * sqrt(1.0 / N));
    ck_assert_double_lt(fabs(var - 1), 5 * sqrt(2.0 / N));
    ck_assert_double_lt(fabs(third), 5 * sqrt(15.0 / N));
    ck_assert_double_lt(fabs(fourth - 3), 5 * sqrt(96.0 / N));
    free(x);
}
END_TEST

/* Bit for bit what the C library makes of the same bits, however they were computed. */
START_TEST(normal_is_the_formula)
{
    enum { N = 1 << 18, FROM = 12345 };
    static const double means[] = {0, 0, 0.5}, stds[] = {1, 0.02, 3e-3};
    float *x = TFX_NEW_ARRAY(float, N);
    for (uint64_t k = 0; k < 3; k++) {
        tfx_random_normal(k + 40, k << 40 | 9, FROM, N, means[k], stds[k], x);
        for (uint64_t i = 0; i < N; i++) {
            uint32_t r[4];
            uint64_t index = FROM + i;
            tfx_random_block(k + 40, k << 40 | 9, index / 2, r);
            double u1 = (double)((((uint64_t)r[1] << 32 | r[0]) >> 11) + 1) * 0x1p-53;
            double u2 = (double)(((uint64_t)r[3] << 32 | r[2]) >> 11) * 0x1p-53;
            double radius = stds[k] * sqrt(-2.0 * log(u1)), angle = 6.283185307179586476925 * u2;
            float expected = (float)(means[k] + radius * (index % 2 ? sin(angle) : cos(angle)));
            ck_assert_msg(!memcmp(&expected, &x[i], sizeof(expected)), "%llu: %.9g in place of %.9g",
                          (unsigned long long)index, (double)x[i], (double)expected);
        }
    }
    free(x);
}
END_TEST

START_TEST(normal_depends_on_the_index_alone)
{
    float whole[100], parts[100];
    tfx_random_normal(1, 2, 50, 100, 3.0, 0.5, whole);
    tfx_random_normal(1, 2, 50, 33, 3.0, 0.5, parts);
    tfx_random_normal(1, 2, 83, 67, 3.0, 0.5, parts + 33);
    ck_assert_mem_eq(whole, parts, sizeof(whole));
    tfx_random_normal(1, 3, 50, 100, 3.0, 0.5, parts);
    ck_assert(memcmp(whole, parts, sizeof(whole)) != 0);
    tfx_random_normal(1, 2, 50, 100, 3.0, 0.0, parts);
    ck_assert_float_eq(parts[17], 3.0f);
}
END_TEST

/* FNV-1a, 64 bits: the test vectors of draft-eastlake-fnv. */
START_TEST(streams_from_names)
{
    ck_assert_uint_eq(tfx_random_stream(""), 0xcbf29ce484222325u);
    ck_assert_uint_eq(tfx_random_stream("a"), 0xaf63dc4c8601ec8cu);
    ck_assert_uint_eq(tfx_random_stream("foobar"), 0x85944171f73967e8u);
}
END_TEST

static Suite *random_suite(void)
{
    Suite *s = suite_create("random");
    TCase *t = tcase_create("random");
    tcase_add_test(t, known_answers);
    tcase_add_test(t, normal_has_its_moments);
    tcase_add_test(t, normal_is_the_formula);
    tcase_add_test(t, normal_depends_on_the_index_alone);
    tcase_add_test(t, streams_from_names);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(random_suite)
