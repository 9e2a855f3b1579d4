/* A folder of its own for each test, and small files in it. */
#ifndef TFX_TESTS_TEMP_DIR_H
#define TFX_TESTS_TEMP_DIR_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char temp_dir[64];

static void temp_dir_setup(void)
{
    strcpy(temp_dir, "/tmp/tfx-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(temp_dir));
}

static void temp_dir_teardown(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", temp_dir);
    ck_assert_int_eq(system(command), 0);
}

/* Path of `name` in the folder; four of them can be in use at a time. */
static inline const char *temp_path(const char *name)
{
    static char paths[4][512];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof(paths[0]), "%s/%s", temp_dir, name);
    return p;
}

static inline const char *temp_file(const char *name, const void *data, size_t n)
{
    const char *path = temp_path(name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
    return path;
}

/* The whole file, to be freed. */
static inline unsigned char *temp_read(const char *path, size_t *n)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be opened", path);
    ck_assert_int_eq(fstat(fileno(f), &st), 0);
    *n = (size_t)st.st_size;
    unsigned char *data = malloc(*n + 1);
    ck_assert_uint_eq(fread(data, 1, *n, f), *n);
    data[*n] = 0;
    fclose(f);
    return data;
}

/* Entries of a folder, "." and ".." not counted. */
static inline int temp_entries(const char *path)
{
    char command[1024];
    int n = -1;
    snprintf(command, sizeof(command), "ls -A '%s' | wc -l", path);
    FILE *p = popen(command, "r");
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

#define ck_assert_contains(text, part) ck_assert_msg(strstr(text, part), "expected \"%s\" in: %s", part, text)

#endif
