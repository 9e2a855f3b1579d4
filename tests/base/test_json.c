/* JSON: numbers read back to what they were, wherever in a document they are. */
#include <cjson/cJSON.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "framework/base/json.h"
#include "tests/check_main.h"

START_TEST(numbers_are_exact)
{
    /* 1.8172000000000004 is what cJSON's own printing takes for 1.8172. */
    static const double values[] = {0.0,
                                    -1.5,
                                    0.1 + 0.2,
                                    1.0 / 3,
                                    1.8172000000000004,
                                    1e22,
                                    DBL_MAX,
                                    2147483648.0,
                                    9007199254740992.,
                                    5e-324,
                                    DBL_MIN,
                                    6e-4,
                                    -123456789.12345,
                                    1e-7};
    enum { N = sizeof(values) / sizeof(*values) };
    cJSON *json = cJSON_CreateObject(), *inner = cJSON_AddObjectToObject(json, "inner");
    cJSON_AddItemToObject(inner, "list", cJSON_CreateDoubleArray(values, N));
    cJSON_AddNumberToObject(json, "behind", values[2]);
    for (int indented = 0; indented <= 1; indented++) {
        char *text = tfx_json_text(json, indented);
        cJSON *read = cJSON_Parse(text);
        ck_assert_ptr_nonnull(read);
        const cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(read, "inner"), "list"), *item;
        int i = 0;
        cJSON_ArrayForEach(item, list) ck_assert(item->valuedouble == values[i++]);
        ck_assert_int_eq(i, N);
        ck_assert(cJSON_GetObjectItem(read, "behind")->valuedouble == values[2]);
        cJSON_Delete(read);
        free(text);
    }
    cJSON_Delete(json);
}
END_TEST

START_TEST(other_values_stay)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "count", 213);
    cJSON_AddNumberToObject(json, "nothing", NAN);
    cJSON_AddStringToObject(json, "text", "1.5 \"x\"");
    cJSON_AddTrueToObject(json, "yes");
    cJSON_AddRawToObject(json, "raw", "12345678901234567890");
    char *text = tfx_json_text(json, 0);
    ck_assert_str_eq(text, "{\"count\":213,\"nothing\":null,\"text\":\"1.5 \\\"x\\\"\",\"yes\":true,"
                           "\"raw\":12345678901234567890}");
    free(text);
    cJSON_Delete(json);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("json");
    TCase *c = tcase_create("json");
    tcase_add_test(c, numbers_are_exact);
    tcase_add_test(c, other_values_stay);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
