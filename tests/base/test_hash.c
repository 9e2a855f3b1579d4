/* File hashes against XXH3-128 of known inputs, and against the one-shot function for a file
 * of several pieces. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "tests/check_main.h"

static void hash_of(const void *data, size_t n, char hash[33])
{
    char path[] = "/tmp/tfx-hash-XXXXXX";
    tfx_error err = {0};
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    for (size_t done = 0; done < n;) {
        ssize_t wrote = write(fd, (const char *)data + done, n - done);
        ck_assert_int_gt(wrote, 0);
        done += (size_t)wrote;
    }
    close(fd);
    ck_assert_msg(tfx_file_hash(path, hash, &err) == TFX_OK, "%s", err.text);
    unlink(path);
}

/* What `xxh128sum` prints for these files. */
START_TEST(known_values)
{
    char hash[33];
    hash_of("", 0, hash);
    ck_assert_str_eq(hash, "99aa06d3014798d86001c324468d497f");
    hash_of("a", 1, hash);
    ck_assert_str_eq(hash, "a96faf705af16834e6c632b61e964e1f");
    hash_of("abc", 3, hash);
    ck_assert_str_eq(hash, "06b05ab6733a618578af5f94892f3950");
}
END_TEST

START_TEST(files_larger_than_a_piece)
{
    size_t n = (3 << 20) + 12345;
    unsigned char *data = tfx_alloc(n);
    char hash[33], expected[33];
    for (size_t i = 0; i < n; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 13);
    hash_of(data, n, hash);
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(data, n));
    for (int i = 0; i < 16; i++)
        snprintf(expected + 2 * i, 3, "%02x", c.digest[i]);
    ck_assert_str_eq(hash, expected);
    free(data);
}
END_TEST

START_TEST(unreadable_files)
{
    char hash[33] = "unchanged";
    tfx_error err = {0};
    ck_assert_int_eq(tfx_file_hash("/nonexistent/file", hash, &err), TFX_E_IO);
    ck_assert(strstr(err.text, "/nonexistent/file: cannot be opened: No such file"));
    ck_assert_str_eq(hash, "unchanged");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_file_hash("/", hash, &err), TFX_E_IO);
    ck_assert(strstr(err.text, "/: cannot be read"));
}
END_TEST

static Suite *hash_suite(void)
{
    Suite *s = suite_create("hash");
    TCase *t = tcase_create("hash");
    tcase_add_test(t, known_values);
    tcase_add_test(t, files_larger_than_a_piece);
    tcase_add_test(t, unreadable_files);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(hash_suite)
