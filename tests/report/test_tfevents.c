/* Checksums of event files by published values; what the files hold is decoded in tests/e2e/test_export.py. Names of
 * folders. */
#include <stdlib.h>
#include <string.h>

#include "framework/report/export.h"
#include "framework/report/tfevents.h"
#include "tests/check_main.h"

/* RFC 3720, appendix B.4. */
START_TEST(checksums)
{
    unsigned char bytes[32] = {0};
    ck_assert_uint_eq(tfx_crc32c("", 0), 0);
    ck_assert_uint_eq(tfx_crc32c("123456789", 9), 0xe3069283);
    ck_assert_uint_eq(tfx_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    ck_assert_uint_eq(tfx_crc32c(bytes, 32), 0x62a8ab43);
    for (unsigned char i = 0; i < 32; i++)
        bytes[i] = i;
    ck_assert_uint_eq(tfx_crc32c(bytes, 32), 0x46dd794e);
}
END_TEST

START_TEST(folder_names)
{
    static const char *const names[][2] = {
        {"grown", "grown"}, {"a[lr=2e-3]", "a[lr=2e-3]"}, {"", "%"}, {"%", "%25"}, {".", "%2e"}, {"..", "%2e."},
        {"a/b", "a%2fb"},   {"a\nb\\", "a%0ab%5c"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *found = tfx_folder_name(names[i][0]);
        ck_assert_str_eq(found, names[i][1]);
        free(found);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("report/tfevents");
    TCase *t = tcase_create("tfevents");
    tcase_add_test(t, checksums);
    tcase_add_test(t, folder_names);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
