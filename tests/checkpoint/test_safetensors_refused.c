/* safetensors, reading what is wrong: one message for each way a file can be malformed, and no crash
 * for any of thousands of damaged ones (most telling under ASan and UBSan). */
#include <sys/stat.h>

#include "framework/checkpoint/safetensors.h"
#include "tests/check_main.h"
#include "tests/checkpoint/temp_dir.h"

/* A file of header text and n_data bytes of data. `length` < 0: the true one. */
static const char *compose(const char *header, size_t header_bytes, int64_t length, size_t n_data)
{
    size_t n = 8 + header_bytes + n_data;
    unsigned char *file = calloc(1, n);
    uint64_t stated = length < 0 ? header_bytes : (uint64_t)length;
    memcpy(file, &stated, 8);
    memcpy(file + 8, header, header_bytes);
    const char *path = temp_file("x.safetensors", file, n);
    free(file);
    return path;
}

static void refused(const char *path, tfx_status status, const char *part)
{
    tfx_error err = {0};
    tfx_st_reader *r = tfx_st_open(path, &err);
    ck_assert_msg(r == NULL, "opened, expected: %s", part);
    ck_assert_contains(err.text, part);
    ck_assert_contains(err.text, path);
    ck_assert_msg(err.status == status, "status %d, expected %d, of: %s", err.status, status, err.text);
}

static const struct {
    const char *header;
    size_t n_data;
    const char *message;
} malformed[] = {
    {"", 0, "header does not begin with '{'"},
    {" {}", 0, "header does not begin with '{'"},
    {"[]", 0, "header does not begin with '{'"},
    {"{\"a\":", 0, "header is not JSON: error at offset"},
    {"{} x", 0, "header is not JSON: error at offset 11"},
    {"{}{}", 0, "header is not JSON"},
    {"{}\x01", 0, "control character 0x01 at offset 10"},
    {"{\"a\tb\":1}", 0, "control character 0x09 at offset 11"},
    {"{\"a\xff\":1}", 0, "header is not UTF-8: byte 0xff at offset 11"},
    {"{\"a\xc0\x80\":1}", 0, "header is not UTF-8: byte 0xc0"},
    {"{\"a\xed\xa0\x80\":1}", 0, "header is not UTF-8: byte 0xed"},
    {"{\"a\\u0000b\":1}", 0, "a string with a NUL character at offset 11"},
    {"{\"a\":1}", 0, "tensor \"a\": expected an object with dtype, shape and data_offsets, found a number"},
    {"{\"a\":null}", 0, "found null"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor \"a\": dtype is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor \"a\": shape is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "tensor \"a\": data_offsets is missing"},
    {"{\"a\":{\"Dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is given twice"},
    {"{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype: expected a string, found a number"},
    {"{\"a\":{\"dtype\":\"FP32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "unknown dtype \"FP32\"; did you mean \"F32\"?"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape: expected a list of whole numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4,
     "shape: expected whole numbers, found a string"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "found 1.5"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "found -1"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,4]}}", 4, "from 0 to 2^53, found 1"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9007199254740994,0],\"data_offsets\":[0,0]}}", 0, "found 9007199254740994"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1e999],\"data_offsets\":[0,4]}}", 4, "found inf"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "shape has 9 dimensions, at most 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
     "shape [4294967296, 4294967296] of F32 is larger than any file"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9007199254740992,256,8],\"data_offsets\":[0,0]}}", 0,
     "larger than any file"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "not a whole number of bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":4}}", 4,
     "data_offsets: expected [begin, end], found a number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "found a list of 3"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,true]}}", 4,
     "data_offsets: expected whole numbers, found a boolean"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets [4, 0] run backwards"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,20]}}", 20,
     "shape [2, 3] of F32 takes 24 bytes, but data_offsets [0, 20] hold 20"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,0]}}", 0, "shape [] of F32 takes 4 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3,
     "tensor \"a\": ends at 4, but the file holds 3 bytes of data: was it cut short?"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9007199254740988,9007199254740992]}}", 4,
     "begins at 9007199254740988, expected 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5,
     "1 bytes follow the last tensor, expected none"},
    {"{}", 2, "2 bytes follow the last tensor"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}",
     7, "tensor \"b\": begins at 3 and overlaps tensor \"a\", which ends at 4"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
     4, "overlaps"},
    {"{\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[6,10]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
     10, "tensor \"b\": begins at 6, expected 4: 2 bytes before it belong to no tensor"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
     8, "tensor \"a\" is given twice"},
    {"{\"__metadata__\":[]}", 0, "__metadata__: expected an object of strings, found a list"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: \"k\": expected a string, found a number"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is given twice"},
};

START_TEST(malformed_headers)
{
    const char *header = malformed[_i].header;
    refused(compose(header, strlen(header), -1, malformed[_i].n_data), TFX_E_DATA, malformed[_i].message);
}
END_TEST

START_TEST(malformed_lengths)
{
    refused(temp_file("e", "", 0), TFX_E_DATA, "expected at least 8 bytes, found 0");
    refused(temp_file("e", "1234567", 7), TFX_E_DATA, "expected at least 8 bytes, found 7");
    refused(compose("{}", 2, 100000001, 0), TFX_E_DATA, "header length 100000001, expected at most 100000000");
    refused(compose("{}", 2, 3, 0), TFX_E_DATA, "header length 3, but only 2 bytes follow");
    refused(compose("{}", 2, INT64_MAX, 0), TFX_E_DATA, "header length 9223372036854775807");
    refused(compose("{}\0", 3, -1, 0), TFX_E_DATA, "control character 0x00 at offset 10");
    refused(temp_path("missing"), TFX_E_IO, "cannot open: No such file");
    refused(temp_dir, TFX_E_IO, "is a folder, expected a file");
    ck_assert_int_eq(mkfifo(temp_path("pipe"), 0600), 0);
    refused(temp_path("pipe"), TFX_E_IO, "is a device or pipe");
}
END_TEST

START_TEST(odd_but_valid_headers)
{
    static const struct {
        const char *header;
        size_t n_data, count;
    } valid[] = {
        {"{}", 0, 0},
        {"{}      \n", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, 1},
        {"{\"a\":{\"dtype\":\"F32\",\"extra\":{},\"shape\":[0,9],\"data_offsets\":[0,0]}}", 0, 1},
        {"{\"f\":{\"dtype\":\"F8_E4M3\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3, 1},
        {"{\"f\":{\"dtype\":\"F4\",\"shape\":[3,2],\"data_offsets\":[0,3]}}", 3, 1},
        {"{\"a\\\"\\\\u0000\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3, 1},
    };
    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        tfx_error err = {0};
        tfx_st_reader *r = tfx_st_open(compose(valid[i].header, strlen(valid[i].header), -1, valid[i].n_data), &err);
        ck_assert_msg(r != NULL, "%s", err.text);
        ck_assert_uint_eq(tfx_st_count(r), valid[i].count);
        tfx_st_close(r);
    }
}
END_TEST

/* Empty tensors share their place with the next one; the header's order settles theirs. */
START_TEST(empty_tensors_keep_their_order)
{
    static const char header[] = "{\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                                 "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[0,2],\"data_offsets\":[0,0]},"
                                 "\"x\":{\"dtype\":\"I8\",\"shape\":[3,0],\"data_offsets\":[4,4]}}";
    static const char *const order[] = {"z", "b", "c", "x"};
    tfx_error err = {0};
    tfx_st_reader *r = tfx_st_open(compose(header, strlen(header), -1, 4), &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(tfx_st_at(r, i)->name, order[i]);
    tfx_st_close(r);
}
END_TEST

START_TEST(file_cut_while_open)
{
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    const char *path = compose(header, strlen(header), -1, 16);
    tfx_error err = {0};
    float f[4];
    tfx_st_reader *r = tfx_st_open(path, &err);
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(truncate(path, (off_t)(8 + strlen(header) + 6)), 0);
    ck_assert_int_eq(tfx_st_read_f32(r, tfx_st_at(r, 0), 0, 4, f, &err), TFX_E_IO);
    ck_assert_contains(err.text, "expected 10 more bytes there");
    tfx_st_close(r);
}
END_TEST

/* ---- damaged files ---- */

static uint64_t random_state = 88172645463325252u; /* xorshift64: the same damage in every run */

static uint64_t dice(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

/* Reads everything a file that opens claims to have, and checks the claims. */
static void read_all(tfx_st_reader *r, uint64_t file_bytes)
{
    uint64_t end = 0;
    for (size_t i = 0; i < tfx_st_count(r); i++) {
        const tfx_st_tensor *t = tfx_st_at(r, i);
        tfx_error err = {0};
        if (i > 0)
            ck_assert_uint_eq(t->offset, end);
        end = t->offset + t->bytes;
        ck_assert_uint_le(end, file_bytes);
        unsigned char *raw = malloc(t->bytes + 1);
        ck_assert_int_eq(tfx_st_read_raw(r, t, 0, t->bytes, raw, &err), TFX_OK);
        free(raw);
        uint64_t count = 1;
        for (uint32_t d = 0; d < t->n_dims; d++)
            count *= (uint64_t)t->dims[d];
        float *f = malloc(count * 4 + 4);
        tfx_status status = tfx_st_read_f32(r, t, 0, count, f, &err);
        ck_assert_int_eq(status, t->dtype <= TFX_ST_BF16 ? TFX_OK : TFX_E_UNSUPPORTED);
        free(f);
        ck_assert_ptr_eq(tfx_st_find(r, t->name), t);
    }
    if (tfx_st_count(r) > 0)
        ck_assert_uint_eq(end, file_bytes);
    tfx_st_metadata(r, "made by");
}

START_TEST(damaged_files_never_crash)
{
    static const char header[] = "{\"__metadata__\":{\"made by\":\"a \\\"test\\\" \\u00e9\",\"k\":\"v\"},"
                                 "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                 "\"h\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
                                 "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},"
                                 "\"e\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[40,40]},"
                                 "\"o\":{\"dtype\":\"F8_E5M2\",\"shape\":[2,2],\"data_offsets\":[40,44]}}    ";
    static const char *const tokens[] = {
        "{",     "}",    "[",       "]",       ",",   ":",    "\"",      "\\",      "-", "0", "9007199254740993",
        "1e308", "null", "\\u0000", "\\ud800", "F16", "[[[[", "{\"w\":", "\xf0\x9f"};
    enum { N_TOKENS = sizeof(tokens) / sizeof(tokens[0]), ROUNDS = 6000 };
    size_t n_header = strlen(header), n_base = 8 + n_header + 44;
    unsigned char base[1024], file[2048];
    uint64_t length = n_header;
    int opened = 0;
    ck_assert_uint_le(n_base, sizeof(base));
    memset(base, 0x3c, sizeof(base));
    memcpy(base, &length, 8);
    memcpy(base + 8, header, n_header);

    for (int round = 0; round < ROUNDS; round++) {
        size_t n = n_base;
        memcpy(file, base, n_base);
        for (uint64_t k = round == 0 ? 0 : 1 + dice(3); k > 0; k--) {
            size_t at = dice(n);
            const char *token = tokens[dice(N_TOKENS)];
            switch (dice(7)) {
            case 0: file[at] ^= (unsigned char)(1u << dice(8)); break;
            case 1: file[at] = (unsigned char)dice(256); break;
            case 2: n = at + 1; break;
            case 3: /* a piece of JSON in place of what was there */
                for (size_t i = 0; token[i] && at + i < n; i++)
                    file[at + i] = (unsigned char)token[i];
                break;
            case 4: /* another digit: offsets and dims that do not agree */
                while (at < n && (file[at] < '0' || file[at] > '9'))
                    at++;
                if (at < n)
                    file[at] = (unsigned char)('0' + dice(10));
                break;
            case 5: /* a stretch of bytes taken out, the stated length with it */
                if (at > 8 && at < 8 + n_header) {
                    size_t out = 1 + dice(20);
                    if (at + out < n) {
                        memmove(file + at, file + at + out, n - at - out);
                        n -= out;
                        length = n_header > out ? n_header - out : 0;
                        memcpy(file, &length, 8);
                    }
                }
                break;
            default: /* data appended */
                if (n + 8 <= sizeof(file)) {
                    memset(file + n, (int)dice(256), 8);
                    n += 8;
                }
            }
        }
        const char *path = temp_file("fuzz", file, n);
        tfx_error err = {0};
        tfx_st_reader *r = tfx_st_open(path, &err);
        ck_assert_msg((r == NULL) == (err.status != TFX_OK), "round %d", round);
        ck_assert_msg(round > 0 || r != NULL, "the undamaged file: %s", err.text);
        if (r) {
            opened++;
            read_all(r, n);
        } else {
            ck_assert_contains(err.text, path);
        }
        tfx_st_close(r);
    }
    /* Damage to the data alone goes unnoticed, so both ways must have been taken. */
    ck_assert_int_gt(opened, ROUNDS / 50);
    ck_assert_int_lt(opened, ROUNDS / 2);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("checkpoint/safetensors_refused");
    TCase *t = tcase_create("refused");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_loop_test(t, malformed_headers, 0, sizeof(malformed) / sizeof(malformed[0]));
    tcase_add_test(t, malformed_lengths);
    tcase_add_test(t, odd_but_valid_headers);
    tcase_add_test(t, empty_tensors_keep_their_order);
    tcase_add_test(t, file_cut_while_open);
    tcase_add_test(t, damaged_files_never_crash);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
