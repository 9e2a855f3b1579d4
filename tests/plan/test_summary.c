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

static double twice(tfx_backend *b)
{
    (void)b;
    return 352e9;
}

START_TEST(the_best_measurement_counts)
{
    tfx_backend_class cls = {
        .struct_size = sizeof(cls), .name = "test", .measure_flops = disturbed, .measure_bf16_flops = twice};
    tfx_device device = {.cls = &cls};
    tfx_arm arm = {.train.compute = TFX_BF16};
    tfx_arm_plan plan = {.arm = &arm}, *plans[] = {&plan};
    for (int i = 0; i < 2; i++) {
        tfx_device_speed s = tfx_device_speed_measure(&device, plans, 0);
        ck_assert_double_eq(s.best, 176e9);
        ck_assert_double_eq(s.lowest, 18e9);
        ck_assert_double_eq(s.best_bf16, 0);
    }
    ck_assert_double_eq(tfx_device_speed_measure(&device, plans, 1).best_bf16, 352e9);
    cls.struct_size = offsetof(tfx_backend_class, measure_bf16_flops); /* an older backend */
    ck_assert_double_eq(tfx_device_speed_measure(&device, plans, 1).best_bf16, 176e9);
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
