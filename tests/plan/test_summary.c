/* What tfx plan says about the speed of the machine. */
#include "framework/plan/summary.h"
#include "tests/check_main.h"

/* A machine that other programs keep from its best in all but one of the measurements. */
static double disturbed(tfx_backend *b)
{
    static const double flops[] = {18e9, 90e9, 176e9, 40e9, 120e9};
    static size_t calls;
    (void)b;
    return flops[calls++ % (sizeof(flops) / sizeof(flops[0]))];
}

START_TEST(the_best_measurement_counts)
{
    tfx_backend_class cls = {.struct_size = sizeof(cls), .name = "test", .measure_flops = disturbed};
    tfx_device device = {.cls = &cls};
    for (int i = 0; i < 2; i++) {
        tfx_device_speed s = tfx_device_speed_measure(&device);
        ck_assert_double_eq(s.best, 176e9);
        ck_assert_double_eq(s.lowest, 18e9);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("plan: summary");
    TCase *c = tcase_create("speed");
    tcase_add_test(c, the_best_measurement_counts);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
