/* safetensors, reading and writing what is right: a file made by Python's safetensors is embedded
 * here, our files are parsed by hand, and Python reads them where it has the package. */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "framework/base/hash.h"
#include "framework/checkpoint/safetensors.h"
#include "tests/check_main.h"
#include "tests/checkpoint/temp_dir.h"

#define ck_assert_ok(status, err) ck_assert_msg((status) == TFX_OK, "%s", (err).text)

/* safetensors.numpy.save (0.8.0) of
 *   b.weight f32 [[1.5, -2.25, 3e-41], [0, -0, inf]]
 *   half f16 [1, -65504, 2^-24, 0.333251953125], double f64 [1e-3, -1e300], count i64 7,
 *   empty f32 0 x 4, with metadata {"made by": 'python "x"', "ü": "é"}. */
static const unsigned char from_python[] = {
    0x60, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7b, 0x22, 0x5f, 0x5f, 0x6d, 0x65, 0x74, 0x61, 0x64, 0x61, 0x74,
    0x61, 0x5f, 0x5f, 0x22, 0x3a, 0x7b, 0x22, 0x6d, 0x61, 0x64, 0x65, 0x20, 0x62, 0x79, 0x22, 0x3a, 0x22, 0x70, 0x79,
    0x74, 0x68, 0x6f, 0x6e, 0x20, 0x5c, 0x22, 0x78, 0x5c, 0x22, 0x22, 0x2c, 0x22, 0xc3, 0xbc, 0x22, 0x3a, 0x22, 0xc3,
    0xa9, 0x22, 0x7d, 0x2c, 0x22, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x22, 0x3a, 0x7b, 0x22, 0x64, 0x74, 0x79, 0x70, 0x65,
    0x22, 0x3a, 0x22, 0x49, 0x36, 0x34, 0x22, 0x2c, 0x22, 0x73, 0x68, 0x61, 0x70, 0x65, 0x22, 0x3a, 0x5b, 0x5d, 0x2c,
    0x22, 0x64, 0x61, 0x74, 0x61, 0x5f, 0x6f, 0x66, 0x66, 0x73, 0x65, 0x74, 0x73, 0x22, 0x3a, 0x5b, 0x30, 0x2c, 0x38,
    0x5d, 0x7d, 0x2c, 0x22, 0x64, 0x6f, 0x75, 0x62, 0x6c, 0x65, 0x22, 0x3a, 0x7b, 0x22, 0x64, 0x74, 0x79, 0x70, 0x65,
    0x22, 0x3a, 0x22, 0x46, 0x36, 0x34, 0x22, 0x2c, 0x22, 0x73, 0x68, 0x61, 0x70, 0x65, 0x22, 0x3a, 0x5b, 0x32, 0x5d,
    0x2c, 0x22, 0x64, 0x61, 0x74, 0x61, 0x5f, 0x6f, 0x66, 0x66, 0x73, 0x65, 0x74, 0x73, 0x22, 0x3a, 0x5b, 0x38, 0x2c,
    0x32, 0x34, 0x5d, 0x7d, 0x2c, 0x22, 0x62, 0x2e, 0x77, 0x65, 0x69, 0x67, 0x68, 0x74, 0x22, 0x3a, 0x7b, 0x22, 0x64,
    0x74, 0x79, 0x70, 0x65, 0x22, 0x3a, 0x22, 0x46, 0x33, 0x32, 0x22, 0x2c, 0x22, 0x73, 0x68, 0x61, 0x70, 0x65, 0x22,
    0x3a, 0x5b, 0x32, 0x2c, 0x33, 0x5d, 0x2c, 0x22, 0x64, 0x61, 0x74, 0x61, 0x5f, 0x6f, 0x66, 0x66, 0x73, 0x65, 0x74,
    0x73, 0x22, 0x3a, 0x5b, 0x32, 0x34, 0x2c, 0x34, 0x38, 0x5d, 0x7d, 0x2c, 0x22, 0x65, 0x6d, 0x70, 0x74, 0x79, 0x22,
    0x3a, 0x7b, 0x22, 0x64, 0x74, 0x79, 0x70, 0x65, 0x22, 0x3a, 0x22, 0x46, 0x33, 0x32, 0x22, 0x2c, 0x22, 0x73, 0x68,
    0x61, 0x70, 0x65, 0x22, 0x3a, 0x5b, 0x30, 0x2c, 0x34, 0x5d, 0x2c, 0x22, 0x64, 0x61, 0x74, 0x61, 0x5f, 0x6f, 0x66,
    0x66, 0x73, 0x65, 0x74, 0x73, 0x22, 0x3a, 0x5b, 0x34, 0x38, 0x2c, 0x34, 0x38, 0x5d, 0x7d, 0x2c, 0x22, 0x68, 0x61,
    0x6c, 0x66, 0x22, 0x3a, 0x7b, 0x22, 0x64, 0x74, 0x79, 0x70, 0x65, 0x22, 0x3a, 0x22, 0x46, 0x31, 0x36, 0x22, 0x2c,
    0x22, 0x73, 0x68, 0x61, 0x70, 0x65, 0x22, 0x3a, 0x5b, 0x34, 0x5d, 0x2c, 0x22, 0x64, 0x61, 0x74, 0x61, 0x5f, 0x6f,
    0x66, 0x66, 0x73, 0x65, 0x74, 0x73, 0x22, 0x3a, 0x5b, 0x34, 0x38, 0x2c, 0x35, 0x36, 0x5d, 0x7d, 0x7d, 0x20, 0x07,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xfc, 0xa9, 0xf1, 0xd2, 0x4d, 0x62, 0x50, 0x3f, 0x9c, 0x75, 0x00, 0x88,
    0x3c, 0xe4, 0x37, 0xfe, 0x00, 0x00, 0xc0, 0x3f, 0x00, 0x00, 0x10, 0xc0, 0xa1, 0x53, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x7f, 0x00, 0x3c, 0xff, 0xfb, 0x01, 0x00, 0x55, 0x35,
};

START_TEST(reads_what_python_wrote)
{
    tfx_error err = {0};
    tfx_st_reader *r = tfx_st_open(temp_file("python.safetensors", from_python, sizeof(from_python)), &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_uint_eq(tfx_st_count(r), 5);
    static const char *const order[] = {"count", "double", "b.weight", "empty", "half"};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(tfx_st_at(r, i)->name, order[i]);
        ck_assert_ptr_eq(tfx_st_find(r, order[i]), tfx_st_at(r, i));
    }
    ck_assert_ptr_null(tfx_st_find(r, "b.weigh"));
    ck_assert_ptr_null(tfx_st_find(r, "zzz"));
    ck_assert_str_eq(tfx_st_metadata(r, "made by"), "python \"x\"");
    ck_assert_str_eq(tfx_st_metadata(r, "\xc3\xbc"), "\xc3\xa9");
    ck_assert_ptr_null(tfx_st_metadata(r, "none"));

    float f[6];
    const tfx_st_tensor *t = tfx_st_find(r, "b.weight");
    ck_assert_int_eq(t->dtype, TFX_ST_F32);
    ck_assert_uint_eq(t->n_dims, 2);
    ck_assert_int_eq(t->dims[0], 2);
    ck_assert_int_eq(t->dims[1], 3);
    ck_assert_uint_eq(t->bytes, 24);
    ck_assert_ok(tfx_st_read_f32(r, t, 0, 6, f, &err), err);
    ck_assert(f[0] == 1.5f && f[1] == -2.25f && f[2] == 3e-41f && f[3] == 0 && !signbit(f[3]) && f[4] == 0 &&
              signbit(f[4]) && f[5] == INFINITY);
    ck_assert_ok(tfx_st_read_f32(r, t, 1, 1, f, &err), err);
    ck_assert(f[0] == -2.25f);

    t = tfx_st_find(r, "half");
    ck_assert_int_eq(t->dtype, TFX_ST_F16);
    ck_assert_ok(tfx_st_read_f32(r, t, 0, 4, f, &err), err);
    ck_assert(f[0] == 1 && f[1] == -65504 && f[2] == 0x1p-24f && f[3] == 0.333251953125f);

    t = tfx_st_find(r, "double");
    ck_assert_ok(tfx_st_read_f32(r, t, 0, 2, f, &err), err);
    ck_assert(f[0] == 1e-3f && f[1] == -INFINITY);

    t = tfx_st_find(r, "count");
    ck_assert_int_eq(t->dtype, TFX_ST_I64);
    ck_assert_uint_eq(t->n_dims, 0);
    int64_t count = 0;
    ck_assert_ok(tfx_st_read_raw(r, t, 0, 8, &count, &err), err);
    ck_assert_int_eq(count, 7);
    ck_assert_int_eq(tfx_st_read_f32(r, t, 0, 1, f, &err), TFX_E_UNSUPPORTED);
    ck_assert_contains(err.text, "tensor \"count\": expected F32, F64, F16 or BF16, found I64");

    t = tfx_st_find(r, "empty");
    ck_assert_uint_eq(t->bytes, 0);
    err = (tfx_error){0};
    ck_assert_ok(tfx_st_read_f32(r, t, 0, 0, f, &err), err);
    ck_assert_int_eq(tfx_st_read_f32(r, t, 0, 1, f, &err), TFX_E_INVALID);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_st_read_raw(r, t, 1, 0, f, &err), TFX_E_INVALID);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_st_read_f32(r, tfx_st_find(r, "b.weight"), 3, UINT64_MAX, f, &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "it has 6");
    tfx_st_close(r);
    tfx_st_close(NULL);
}
END_TEST

/* Every 16-bit pattern against arithmetic in double precision. */
START_TEST(converts_every_half_exactly)
{
    enum { N = 65536 };
    static uint16_t pattern[N];
    static float f[N];
    for (int i = 0; i < N; i++)
        pattern[i] = (uint16_t)i;
    int64_t dims[] = {256, 256};
    tfx_error err = {0};
    uint64_t bytes;
    tfx_st_writer *w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "half", TFX_ST_F16, 2, dims);
    tfx_st_writer_declare(w, "brain", TFX_ST_BF16, 2, dims);
    ck_assert_ok(tfx_st_writer_begin(w, temp_path("h.safetensors"), &err), err);
    ck_assert_ok(tfx_st_writer_write(w, pattern, sizeof(pattern), &err), err);
    ck_assert_ok(tfx_st_writer_write(w, pattern, sizeof(pattern), &err), err);
    ck_assert_ok(tfx_st_writer_finish(w, &bytes, NULL, &err), err);
    tfx_st_writer_destroy(w);

    tfx_st_reader *r = tfx_st_open(temp_path("h.safetensors"), &err);
    ck_assert_ptr_nonnull(r);
    ck_assert_ok(tfx_st_read_f32(r, tfx_st_find(r, "half"), 0, N, f, &err), err);
    for (int i = 0; i < N; i++) {
        int exponent = i >> 10 & 31, mantissa = i & 1023;
        double sign = i >> 15 ? -1 : 1;
        uint32_t bits;
        memcpy(&bits, &f[i], 4);
        if (exponent == 31 && mantissa) /* the payload is kept, in the upper bits */
            ck_assert_uint_eq(bits, (uint32_t)(i >> 15) << 31 | 0x7f800000u | (uint32_t)mantissa << 13);
        else if (exponent == 31)
            ck_assert(f[i] == sign * INFINITY);
        else
            ck_assert_msg((double)f[i] ==
                                  sign * (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24)) &&
                              !signbit(f[i]) == !(i >> 15),
                          "half 0x%04x gave %g", (unsigned)i, (double)f[i]);
    }
    ck_assert_ok(tfx_st_read_f32(r, tfx_st_find(r, "brain"), 0, N, f, &err), err);
    for (int i = 0; i < N; i++) {
        int exponent = i >> 7 & 255, mantissa = i & 127;
        double sign = i >> 15 ? -1 : 1;
        if (exponent == 255 && mantissa)
            ck_assert(isnan(f[i]));
        else if (exponent == 255)
            ck_assert(f[i] == sign * INFINITY);
        else
            ck_assert_msg((double)f[i] ==
                              sign * (exponent ? ldexp(128 + mantissa, exponent - 134) : ldexp(mantissa, -133)),
                          "bf16 0x%04x gave %g", (unsigned)i, (double)f[i]);
    }
    /* Pieces that do not start at an element the reader's own chunks start at. */
    float part[3];
    ck_assert_ok(tfx_st_read_f32(r, tfx_st_find(r, "half"), 0x3bff, 3, part, &err), err);
    ck_assert(part[0] < 1 && part[1] == 1 && part[2] > 1);
    tfx_st_close(r);
}
END_TEST

/* The file that check_with_python.py expects. Written in pieces of `piece` bytes. */
static void write_sample(const char *path, size_t piece, uint64_t *bytes, char *hash)
{
    enum { BIG = 3000 * 1000 }; /* 12 MB: larger than the writer's buffer */
    unsigned char *data = malloc(BIG * 4 + 6 + 1 + 16), *p = data;
    for (uint32_t i = 0; i < BIG; i++, p += 4) {
        float x = (float)(i % 1000) * 0.5f - 100.0f;
        memcpy(p, &x, 4);
    }
    static const uint16_t brain[] = {0x3f80, 0xc000, 0x7f80};
    memcpy(p, brain, 6), p += 6;
    *p++ = 1;
    static const int64_t ints[] = {-1, INT64_MAX};
    memcpy(p, ints, 16), p += 16;

    tfx_error err = {0};
    tfx_st_writer *w = tfx_st_writer_create();
    tfx_st_writer_metadata(w, "format", "to be replaced");
    tfx_st_writer_metadata(w, "quote\"back\\slash\n\x01", "\xc3\xa9\t");
    tfx_st_writer_metadata(w, "format", "pt");
    tfx_st_writer_declare(w, "z.big", TFX_ST_F32, 2, (int64_t[]){3000, 1000});
    tfx_st_writer_declare(w, "a\"odd\\name\n", TFX_ST_BF16, 1, (int64_t[]){3});
    tfx_st_writer_declare(w, "none", TFX_ST_F32, 2, (int64_t[]){0, 5});
    tfx_st_writer_declare(w, "scalar", TFX_ST_BOOL, 0, NULL);
    tfx_st_writer_declare(w, "ints", TFX_ST_I64, 1, (int64_t[]){2});
    ck_assert_ok(tfx_st_writer_begin(w, path, &err), err);
    ck_assert_msg(access(path, F_OK) != 0, "an unfinished file must not have the final name");
    for (size_t done = 0, n = (size_t)(p - data); done < n; done += piece)
        ck_assert_ok(tfx_st_writer_write(w, data + done, n - done < piece ? n - done : piece, &err), err);
    ck_assert_ok(tfx_st_writer_finish(w, bytes, hash, &err), err);
    tfx_st_writer_destroy(w);
    free(data);
}

START_TEST(writes_the_layout_byte_for_byte)
{
    uint64_t bytes, length;
    char hash[33], again[33];
    write_sample(temp_path("s.safetensors"), 1000003, &bytes, hash);
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"quote\\\"back\\\\slash\\u000a\\u0001\":\"\xc3\xa9\\u0009\"},"
        "\"z.big\":{\"dtype\":\"F32\",\"shape\":[3000,1000],\"data_offsets\":[0,12000000]},"
        "\"a\\\"odd\\\\name\\u000a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[12000000,12000006]},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[12000006,12000006]},"
        "\"scalar\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[12000006,12000007]},"
        "\"ints\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[12000007,12000023]}}";
    size_t n, text = strlen(header);
    unsigned char *file = temp_read(temp_path("s.safetensors"), &n);
    ck_assert_uint_eq(n, bytes);
    memcpy(&length, file, 8);
    ck_assert_uint_eq(length, (text + 7) / 8 * 8);
    ck_assert_mem_eq(file + 8, header, text);
    for (size_t i = text; i < length; i++)
        ck_assert_int_eq(file[8 + i], ' ');
    ck_assert_uint_eq(n, 8 + length + 12000023);
    for (uint32_t i = 0; i < 3000000; i += 997) {
        float x;
        memcpy(&x, file + 8 + length + 4 * (size_t)i, 4);
        ck_assert(x == (float)(i % 1000) * 0.5f - 100.0f);
    }
    ck_assert_mem_eq(file + n - 23, "\x80\x3f\x00\xc0\x80\x7f\x01", 7);
    free(file);

    tfx_error err = {0};
    ck_assert_ok(tfx_file_hash(temp_path("s.safetensors"), again, &err), err);
    ck_assert_str_eq(hash, again);
    /* The size of the pieces changes nothing. */
    write_sample(temp_path("t.safetensors"), 5u << 20, &bytes, again);
    ck_assert_str_eq(hash, again);
    write_sample(temp_path("u.safetensors"), 20u << 20, &bytes, again);
    ck_assert_str_eq(hash, again);
    write_sample(temp_path("v.safetensors"), 777, &bytes, again);
    ck_assert_str_eq(hash, again);
    ck_assert_int_eq(temp_entries(temp_dir), 4);
}
END_TEST

/* Runs only where python3 (or $TFX_TEST_PYTHON) has numpy and safetensors. */
START_TEST(python_reads_what_we_wrote)
{
    const char *python = getenv("TFX_TEST_PYTHON"), *root = getenv("TFX_SOURCE_ROOT");
    if (!python)
        python = "python3";
    char command[1200];
    snprintf(command, sizeof(command), "%s -c 'import numpy, safetensors.numpy' 2>/dev/null", python);
    if (!root || system(command) != 0) {
        fprintf(stderr, "skipped: %s has no numpy and safetensors, or TFX_SOURCE_ROOT is not set\n", python);
        return;
    }
    uint64_t bytes;
    write_sample(temp_path("s.safetensors"), 65536, &bytes, NULL);
    snprintf(command, sizeof(command), "%s '%s/tests/checkpoint/check_with_python.py' '%s'", python, root,
             temp_path("s.safetensors"));
    ck_assert_int_eq(system(command), 0);
}
END_TEST

static tfx_status begin_with(tfx_st_writer *w, tfx_error *err)
{
    *err = (tfx_error){0};
    tfx_status status = tfx_st_writer_begin(w, temp_path("bad.safetensors"), err);
    tfx_st_writer_destroy(w);
    return status;
}

START_TEST(refuses_declarations_that_no_file_can_hold)
{
    tfx_error err;
    tfx_st_writer *w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "x", TFX_ST_F32, 1, (int64_t[]){2});
    tfx_st_writer_declare(w, "y", TFX_ST_F32, 1, (int64_t[]){2});
    tfx_st_writer_declare(w, "x", TFX_ST_F32, 1, (int64_t[]){2});
    ck_assert_int_eq(begin_with(w, &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "bad.safetensors: tensor \"x\": declared twice");

    w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "__metadata__", TFX_ST_F32, 1, (int64_t[]){2});
    ck_assert_int_eq(begin_with(w, &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "reserved");

    w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "x", TFX_ST_F32, 1, (int64_t[]){-2});
    ck_assert_int_eq(begin_with(w, &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "negative");

    w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "x", TFX_ST_F32, 2, (int64_t[]){INT64_MAX, 16});
    ck_assert_int_eq(begin_with(w, &err), TFX_E_INVALID);

    w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "x", TFX_ST_F32, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
    ck_assert_int_eq(begin_with(w, &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "9 dimensions, at most 8");

    w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "x", TFX_ST_OTHER, 1, (int64_t[]){1});
    ck_assert_int_eq(begin_with(w, &err), TFX_E_INVALID);
    ck_assert_int_eq(temp_entries(temp_dir), 0);
}
END_TEST

START_TEST(unfinished_files_are_removed)
{
    tfx_error err = {0};
    uint64_t bytes;
    const char *path = temp_file("x.safetensors", "old", 3);
    tfx_st_writer *w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "a", TFX_ST_F32, 1, (int64_t[]){2});
    tfx_st_writer_declare(w, "b", TFX_ST_F32, 1, (int64_t[]){2});
    ck_assert_ok(tfx_st_writer_begin(w, path, &err), err);
    ck_assert_ok(tfx_st_writer_write(w, "0123456789", 10, &err), err);
    ck_assert_int_eq(tfx_st_writer_finish(w, &bytes, NULL, &err), TFX_E_INTERNAL);
    ck_assert_contains(err.text, "x.safetensors: tensor \"b\" is not complete: 2 of 8 bytes");
    tfx_st_writer_destroy(w);

    err = (tfx_error){0};
    w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "a", TFX_ST_F32, 1, (int64_t[]){2});
    ck_assert_ok(tfx_st_writer_begin(w, path, &err), err);
    ck_assert_int_eq(tfx_st_writer_write(w, "0123456789", 9, &err), TFX_E_INTERNAL);
    ck_assert_contains(err.text, "hold 8");
    tfx_st_writer_destroy(w);
    tfx_st_writer_destroy(NULL);

    size_t n; /* what was there before is still there */
    unsigned char *data = temp_read(path, &n);
    ck_assert_str_eq((char *)data, "old");
    free(data);
    ck_assert_int_eq(temp_entries(temp_dir), 1);
}
END_TEST

static tfx_status write_zeros(const char *path, size_t n, tfx_error *err)
{
    uint64_t bytes;
    char *zeros = calloc(1, n);
    *err = (tfx_error){0};
    tfx_st_writer *w = tfx_st_writer_create();
    tfx_st_writer_declare(w, "a", TFX_ST_U8, 1, (int64_t[]){(int64_t)n});
    if (tfx_st_writer_begin(w, path, err) == TFX_OK && tfx_st_writer_write(w, zeros, n, err) == TFX_OK)
        tfx_st_writer_finish(w, &bytes, NULL, err);
    tfx_st_writer_destroy(w);
    free(zeros);
    return err->status;
}

START_TEST(errors_of_the_disk_are_reported)
{
    tfx_error err;
    ck_assert_int_eq(write_zeros("/dev/full", 100, &err), TFX_E_IO);
    ck_assert_contains(err.text, "/dev/full: cannot write");
    ck_assert_contains(err.text, "No space left on device");
    ck_assert_int_eq(access("/dev/full", F_OK), 0);

    ck_assert_int_eq(write_zeros(temp_path("no/such/folder"), 100, &err), TFX_E_IO);
    ck_assert_contains(err.text, "no/such/folder: cannot create: No such file");
    ck_assert_int_eq(write_zeros(temp_dir, 100, &err), TFX_E_IO);
    ck_assert_contains(err.text, "is a folder, expected a file");

    /* A file system that ends in the middle of the data. */
    struct rlimit old, limit = {10u << 20, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(write_zeros(temp_path("x.safetensors"), 30u << 20, &err), TFX_E_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    ck_assert_contains(err.text, "x.safetensors: cannot write");
    ck_assert_contains(err.text, "File too large");
    ck_assert_int_eq(temp_entries(temp_dir), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("checkpoint/safetensors");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_test(t, reads_what_python_wrote);
    tcase_add_test(t, converts_every_half_exactly);
    tcase_add_test(t, writes_the_layout_byte_for_byte);
    tcase_add_test(t, python_reads_what_we_wrote);
    tcase_add_test(t, refuses_declarations_that_no_file_can_hold);
    tcase_add_test(t, unfinished_files_are_removed);
    tcase_add_test(t, errors_of_the_disk_are_reported);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
