/* The tokens loader: formats and their detection, and every way a token file can be wrong. The order of
 * windows is the bytes loader's, tested there. */
#include "tests/loader/loader_test.h"

static const char *file16(const char *name, const uint16_t *tokens, size_t n)
{
    return temp_file(name, tokens, n * 2);
}

/* An llm.c file: header of 1024 bytes, then n_bytes of tokens. */
static const char *llmc(const char *name, int32_t magic, int32_t version, int32_t count, const void *tokens,
                        size_t n_bytes)
{
    unsigned char file[1024 + 256] = {0};
    int32_t head[] = {magic, version, count};
    memcpy(file, head, sizeof(head));
    memcpy(file + 1024, tokens, n_bytes);
    return temp_file(name, file, 1024 + n_bytes);
}

#define OPEN(path, split, context) "tokens", split, 1, context, 0, "train", path, "val", path

static const uint16_t small[] = {5, 50256, 0, 7, 300, 9, 1, 2, 3, 4};

/* The VAL rows of `small`, whatever format it is in. */
static void expect_small(const char *path, const char *format)
{
    opened o = open_loader(OPEN(path, TFX_SPLIT_VAL, 4), "format", format, "bytes_per_token", "4.25", NULL);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    tfx_loader_info info = info_of(&o);
    ck_assert_int_eq(info.n_tokens, 10);
    ck_assert_int_eq(info.vocab, 50257);
    ck_assert(info.bytes_per_token == 4.25);
    int32_t in[4], target[4];
    for (int round = 0; round < 2; round++) {
        next(&o, in, target);
        ck_assert_mem_eq(in, ((int32_t[]){5, 50256, 0, 7}), 16);
        ck_assert_mem_eq(target, ((int32_t[]){50256, 0, 7, 300}), 16);
        next(&o, in, target);
        ck_assert_mem_eq(in, ((int32_t[]){300, 9, 1, 2}), 16);
        ck_assert_mem_eq(target, ((int32_t[]){9, 1, 2, 3}), 16);
    }
    close_loader(&o);
}

START_TEST(all_formats_give_the_same_rows)
{
    uint32_t wide[10];
    for (int i = 0; i < 10; i++)
        wide[i] = small[i];
    file16("nano", small, 10);
    llmc("llmc16", 20240520, 1, 10, small, 20);
    llmc("llmc32", 20240801, 7, 10, wide, 40);
    expect_small(temp_path("nano"), "auto");
    expect_small(temp_path("nano"), "nanogpt");
    expect_small(temp_path("llmc16"), "auto");
    expect_small(temp_path("llmc16"), "llmc");
    expect_small(temp_path("llmc32"), "auto");
    expect_small(temp_path("llmc32"), "llmc");
}
END_TEST

START_TEST(wide_tokens_and_defaults)
{
    static const uint32_t wide[] = {128255, 70000, 65536, 65535};
    llmc("w", 20240801, 7, 4, wide, 16);
    opened o = open_loader(OPEN(temp_path("w"), TFX_SPLIT_VAL, 3), "vocab", "128256", NULL);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    ck_assert_int_eq(info_of(&o).vocab, 128256);
    ck_assert(info_of(&o).bytes_per_token == 0.0);
    int32_t in[3], target[3];
    next(&o, in, target);
    ck_assert_mem_eq(in, ((int32_t[]){128255, 70000, 65536}), 12);
    ck_assert_int_eq(target[2], 65535);
    close_loader(&o);
}
END_TEST

START_TEST(magic_as_plain_tokens)
{
    /* A raw file that happens to begin with a magic number is one when the spec says so. */
    int32_t magic[] = {20240520, 1};
    temp_file("m", magic, 8);
    opened o = open_loader(OPEN(temp_path("m"), TFX_SPLIT_VAL, 3), "format", "nanogpt", "vocab", "65536", NULL);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    int32_t in[3], target[3];
    next(&o, in, target);
    ck_assert_mem_eq(in, ((int32_t[]){20240520 & 0xffff, 20240520 >> 16, 1}), 12);
    close_loader(&o);
    refuse_open(TFX_E_DATA, "/m: header cut short", "expected 1024 bytes, found 8",
                OPEN(temp_path("m"), TFX_SPLIT_VAL, 3), "vocab", "65536");
}
END_TEST

START_TEST(files_that_cannot_be_used)
{
    tfx_split train = TFX_SPLIT_TRAIN;
    refuse_open(TFX_E_DATA, "/odd: expected uint16 tokens", "odd number of bytes (5)",
                OPEN(temp_file("odd", "12345", 5), train, 1));
    refuse_open(TFX_E_DATA, "/one: expected uint16 tokens", "odd number of bytes (1)",
                OPEN(temp_file("one", "1", 1), train, 1));
    refuse_open(TFX_E_DATA, "/empty", "the file is empty", OPEN(temp_file("empty", "", 0), train, 1));
    refuse_open(TFX_E_IO, "/missing: cannot open", "No such file", OPEN(temp_path("missing"), train, 1));
    refuse_open(TFX_E_IO, temp_dir, "found a folder", OPEN(temp_dir, train, 1));
    refuse_open(TFX_E_DATA, "/short: too short", "expected at least 11 tokens (context + 1), found 10",
                OPEN(file16("short", small, 10), train, 10));
    refuse_open(TFX_E_DATA, "/h: too short", "found 10", OPEN(llmc("h", 20240520, 1, 10, small, 20), train, 10));

    refuse_open(TFX_E_DATA, "/v: llm.c magic 20240520", "expected version 1, found 2",
                OPEN(llmc("v", 20240520, 2, 10, small, 20), train, 2));
    refuse_open(TFX_E_DATA, "/v: llm.c magic 20240801", "expected version 7, found 1",
                OPEN(llmc("v", 20240801, 1, 5, small, 20), train, 2));
    refuse_open(TFX_E_DATA, "/c: header says 11 tokens of 2 bytes", "expected a file of 1046 bytes, found 1044",
                OPEN(llmc("c", 20240520, 1, 11, small, 20), train, 2));
    refuse_open(TFX_E_DATA, "/c: header says 9 tokens of 2 bytes", "expected a file of 1042 bytes, found 1044",
                OPEN(llmc("c", 20240520, 1, 9, small, 20), train, 2));
    refuse_open(TFX_E_DATA, "/c: header says 10 tokens of 4 bytes", "expected a file of 1064 bytes",
                OPEN(llmc("c", 20240801, 7, 10, small, 20), train, 2));
    refuse_open(TFX_E_DATA, "/c: header says -1 tokens", "found 1044",
                OPEN(llmc("c", 20240520, 1, -1, small, 20), train, 2));
    refuse_open(TFX_E_DATA, "/n: expected llm.c magic 20240520 or 20240801", "found",
                OPEN(file16("n", small, 10), train, 2), "format", "llmc");
    refuse_open(TFX_E_DATA, "/tiny: expected llm.c magic", "found 0", OPEN(file16("tiny", small, 1), train, 2),
                "format", "llmc");
}
END_TEST

START_TEST(tokens_out_of_range_at_open)
{
    uint16_t tokens[] = {1, 2, 3, 100, 4, 101, 5};
    refuse_open(TFX_E_DATA, "/t: token 3 (at byte 6) is 100", "less than the vocabulary of 100",
                OPEN(file16("t", tokens, 7), TFX_SPLIT_TRAIN, 2), "vocab", "100");
    refuse_open(TFX_E_DATA, "/t: token 5 (at byte 1034) is 101", "less than the vocabulary of 101",
                OPEN(llmc("t", 20240520, 1, 7, tokens, 14), TFX_SPLIT_VAL, 2), "vocab", "101");
    uint32_t wide[] = {1, 2, 0x80000000u};
    refuse_open(TFX_E_DATA, "token 2 (at byte 1032) is 2147483648", "2147483647",
                OPEN(llmc("t", 20240801, 7, 3, wide, 12), TFX_SPLIT_VAL, 2), "vocab", "2147483647");
    opened o = open_loader(OPEN(file16("t", tokens, 7), TFX_SPLIT_TRAIN, 2), "vocab", "102", NULL);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    close_loader(&o);
    /* Far into a file that takes several pieces to check. */
    enum { MANY = 700000 };
    uint16_t *many = calloc(MANY, 2);
    many[MANY - 1] = 60000;
    refuse_open(TFX_E_DATA, "token 699999 (at byte 1399998) is 60000", "50257",
                OPEN(file16("many", many, MANY), TFX_SPLIT_TRAIN, 1024));
    free(many);
}
END_TEST

/* Above 256 MiB the check happens while reading; a sparse file of zeros makes that cheap to test. */
START_TEST(tokens_out_of_range_while_reading)
{
    const char *path = temp_path("large");
    uint16_t bad = 50257;
    FILE *f = fopen(path, "wb");
    ck_assert_int_eq(fseek(f, 2 * 9, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(&bad, 2, 1, f), 1);
    fclose(f);
    ck_assert_int_eq(truncate(path, (256L << 20) + 2), 0);
    opened o = open_loader(OPEN(path, TFX_SPLIT_VAL, 4), NULL);
    ck_assert_msg(o.l != NULL, "%s", o.err.text);
    ck_assert_int_eq(info_of(&o).n_tokens, (128 << 20) + 1);
    int32_t in[4], target[4];
    next(&o, in, target);
    next(&o, in, target);
    ck_assert_int_eq(try_next(&o, in, target), TFX_E_DATA);
    ck_assert_contains(o.err.text, "/large: token 9 (at byte 18) is 50257, expected less than the vocabulary of 50257");
    close_loader(&o);
}
END_TEST

static opened open_again(void)
{
    return open_loader("tokens", TFX_SPLIT_TRAIN, 3, 4, 21, "train", temp_path("t"), "val", temp_path("t"), NULL);
}

START_TEST(resume_is_exact)
{
    uint16_t tokens[100];
    for (int i = 0; i < 100; i++)
        tokens[i] = (uint16_t)(i * 500);
    llmc("t", 20240520, 1, 100, tokens, 200);
    opened o = open_again();
    check_resume(&o, open_again, 30);
    close_loader(&o);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("loader/tokens");
    TCase *t = tcase_create("tokens");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_test(t, all_formats_give_the_same_rows);
    tcase_add_test(t, wide_tokens_and_defaults);
    tcase_add_test(t, magic_as_plain_tokens);
    tcase_add_test(t, files_that_cannot_be_used);
    tcase_add_test(t, tokens_out_of_range_at_open);
    tcase_add_test(t, tokens_out_of_range_while_reading);
    tcase_add_test(t, resume_is_exact);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
