/* Token files read whole: nanoGPT's raw uint16, llm.c's two formats, and files that are
 * neither. */
#include "framework/train/token_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check_main.h"

static char path[64];

static void open_file(void)
{
    snprintf(path, sizeof(path), "/tmp/tfx-tokens-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void remove_file(void)
{
    unlink(path);
    rmdir(path);
}

static void put(const void *header, size_t n_header, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    if (n_header)
        fwrite(header, 1, n_header, f);
    if (n)
        fwrite(data, 1, n, f);
    ck_assert_int_eq(fclose(f), 0);
}

static void check_read(int64_t vocab, const int32_t *expected, uint64_t n_expected)
{
    tfx_error err = {0};
    int32_t *tokens;
    uint64_t n;
    ck_assert_msg(tfx_token_file_read(path, vocab, &tokens, &n, &err) == TFX_OK, "%s", err.text);
    ck_assert_uint_eq(n, n_expected);
    ck_assert(!memcmp(tokens, expected, n * sizeof(*tokens)));
    free(tokens);
}

static void check_refused(int64_t vocab, tfx_status status, const char *says)
{
    tfx_error err = {0};
    int32_t *tokens = (int32_t *)&err;
    uint64_t n = 99;
    ck_assert_int_eq(tfx_token_file_read(path, vocab, &tokens, &n, &err), status);
    ck_assert_ptr_null(tokens);
    ck_assert_msg(strstr(err.text, says) && strstr(err.text, path), "\"%s\" is not in: %s", says, err.text);
}

START_TEST(raw)
{
    put(NULL, 0, (uint16_t[]){0, 1, 50256, 65535}, 8);
    check_read(65536, (int32_t[]){0, 1, 50256, 65535}, 4);
    check_refused(65535, TFX_E_DATA, "token 3 is 65535, expected below the vocabulary's 65535");
    check_refused(50000, TFX_E_DATA, "token 2 is 50256, expected below the vocabulary's 50000");
}
END_TEST

START_TEST(llm_c)
{
    int32_t header[256] = {20240520, 1, 3};
    put(header, sizeof(header), (uint16_t[]){7, 8, 65535}, 6);
    check_read(65536, (int32_t[]){7, 8, 65535}, 3);
    header[0] = 20240801;
    header[1] = 7;
    put(header, sizeof(header), (uint32_t[]){7, 100000, 2147483647}, 12);
    check_read(INT64_C(2147483648), (int32_t[]){7, 100000, 2147483647}, 3);
    put(header, sizeof(header), (uint32_t[]){7, 4000000000u, 1}, 12);
    check_refused(INT64_C(2147483648), TFX_E_DATA, "token 1 is 4000000000");
}
END_TEST

START_TEST(malformed)
{
    int32_t header[256] = {20240520, 1, 3};
    put(header, sizeof(header), (uint16_t[]){7, 8}, 4);
    check_refused(100, TFX_E_DATA, "the header says 3 tokens of 2 bytes, the file holds 4 bytes of them");
    header[2] = -1;
    put(header, sizeof(header), NULL, 0);
    check_refused(100, TFX_E_DATA, "the header says -1 tokens");
    header[2] = 0;
    put(header, sizeof(header), NULL, 0);
    check_refused(100, TFX_E_DATA, "found 0 bytes");
    put(NULL, 0, "abc", 3);
    check_refused(100, TFX_E_DATA, "expected a whole number of 2-byte tokens, found 3 bytes");
    put(NULL, 0, NULL, 0);
    check_refused(100, TFX_E_DATA, "found 0 bytes");
    unlink(path);
    check_refused(100, TFX_E_INVALID, "No such file");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_refused(100, TFX_E_INVALID, "not a file");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("train/token_file");
    TCase *c = tcase_create("token file");
    tcase_add_checked_fixture(c, open_file, remove_file);
    tcase_add_test(c, raw);
    tcase_add_test(c, llm_c);
    tcase_add_test(c, malformed);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
