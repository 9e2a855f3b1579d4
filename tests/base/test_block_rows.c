/* Block rows: which texts become one, what the number of the block becomes, and in which order they stand. */
#include <string.h>

#include "framework/base/block_rows.h"
#include "framework/base/memory.h"
#include "tests/check_main.h"

static tfx_block_rows rows;

static void add(const char *const *texts)
{
    rows = (tfx_block_rows){0};
    for (; *texts; texts++)
        tfx_block_rows_add(&rows, tfx_strdup(*texts));
}
#define ADD(...) add((const char *const[]){__VA_ARGS__, NULL})

static void is(uint32_t i, const char *text, uint32_t n)
{
    ck_assert_uint_lt(i, rows.n);
    ck_assert_str_eq(rows.items[i].text, text);
    ck_assert_uint_eq(rows.items[i].n, n);
}

START_TEST(all_blocks)
{
    ADD("blocks.0.a.weight 3", "norm.weight", "blocks.0.b blocks.0.c", "blocks.1.a.weight 3", "blocks.1.b blocks.1.c");
    tfx_block_rows_group(&rows, 2);
    ck_assert_uint_eq(rows.n, 3);
    is(0, "blocks.*.a.weight 3", 2);
    ck_assert_uint_eq(rows.items[0].of[0], 0);
    ck_assert_uint_eq(rows.items[0].of[1], 3);
    is(1, "norm.weight", 1);
    is(2, "blocks.*.b blocks.*.c", 2);
    tfx_block_rows_finish(&rows);
}
END_TEST

START_TEST(some_blocks)
{
    ADD("blocks.0.a 3", "blocks.1.a 4", "blocks.2.a 3", "blocks.3.a 3", "blocks.10.a 3", "blocks.11.a", "blocks.x");
    tfx_block_rows_group(&rows, 12);
    ck_assert_uint_eq(rows.n, 4);
    is(0, "blocks.{0,2-3,10}.a 3", 4);
    is(1, "blocks.1.a 4", 1);
    is(2, "blocks.11.a", 1);
    is(3, "blocks.x", 1);
    tfx_block_rows_finish(&rows);
}
END_TEST

START_TEST(descending_blocks)
{
    ADD("blocks.10.a", "blocks.3.a", "blocks.2.a", "blocks.1.a", "blocks.0.b");
    tfx_block_rows_group(&rows, 11);
    ck_assert_uint_eq(rows.n, 2);
    is(0, "blocks.{1-3,10}.a", 4);
    ck_assert_uint_eq(rows.items[0].of[3], 3);
    is(1, "blocks.0.b", 1);
    tfx_block_rows_finish(&rows);
}
END_TEST

/* The number of one block, the first, stands for the text; another one in it is another matter. */
START_TEST(two_numbers)
{
    ADD("blocks.0.a like blocks.1.a", "blocks.1.a like blocks.1.a");
    tfx_block_rows_group(&rows, 2);
    ck_assert_uint_eq(rows.n, 2);
    is(0, "blocks.0.a like blocks.1.a", 1);
    is(1, "blocks.1.a like blocks.1.a", 1);
    tfx_block_rows_finish(&rows);
}
END_TEST

/* A single block is no case of "all of them". */
START_TEST(one_block)
{
    ADD("blocks.0.a", "blocks.0.b");
    tfx_block_rows_add_as_is(&rows, tfx_strdup("blocks.*.c"));
    tfx_block_rows_group(&rows, 1);
    is(0, "blocks.0.a", 1);
    is(1, "blocks.0.b", 1);
    is(2, "blocks.*.c", 1);
    tfx_block_rows_finish(&rows);
}
END_TEST

START_TEST(nothing)
{
    rows = (tfx_block_rows){0};
    tfx_block_rows_group(&rows, 2);
    ck_assert_uint_eq(rows.n, 0);
    tfx_block_rows_finish(&rows);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/block_rows");
    TCase *c = tcase_create("block_rows");
    tcase_add_test(c, all_blocks);
    tcase_add_test(c, some_blocks);
    tcase_add_test(c, descending_blocks);
    tcase_add_test(c, two_numbers);
    tcase_add_test(c, one_block);
    tcase_add_test(c, nothing);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
