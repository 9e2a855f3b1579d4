/* Folders of plugin files for tests: temporary, filled by copying what meson built. */
#ifndef TFX_TESTS_PLUGIN_FILES_H
#define TFX_TESTS_PLUGIN_FILES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"

/* The path of a plugin built from tests/plugin/plugins. */
static inline char *built_plugin(const char *name)
{
    const char *root = getenv("TFX_BUILD_ROOT");
    ck_assert_msg(root != NULL, "run through `meson test`: TFX_BUILD_ROOT is not set");
    return tfx_printf("%s/tests/plugin/%s.so", root, name);
}

static inline unsigned char *read_whole(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be opened", path);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    unsigned char *data = tfx_alloc(*n);
    ck_assert_uint_eq(fread(data, 1, *n, f), *n);
    fclose(f);
    return data;
}

static inline void write_whole(const char *folder, const char *name, const void *data, size_t n)
{
    char *path = tfx_printf("%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s cannot be written", path);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
    free(path);
}

static inline void install_as(const char *folder, const char *name, const char *file)
{
    size_t n;
    char *from = built_plugin(name);
    unsigned char *data = read_whole(from, &n);
    write_whole(folder, file, data, n);
    free(data);
    free(from);
}

static inline void install(const char *folder, const char *name)
{
    char *file = tfx_printf("%s.so", name);
    install_as(folder, name, file);
    free(file);
}

static inline char *temp_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *folder = tfx_printf("%s/tfx-test-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}

static inline void remove_folder(char *folder)
{
    char *command = tfx_printf("rm -rf -- '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    free(command);
    free(folder);
}

#endif
