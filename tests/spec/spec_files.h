/* A temporary folder with spec files, the registry of the tests' own plugin, and checks of
 * messages. */
#ifndef TFX_TESTS_SPEC_FILES_H
#define TFX_TESTS_SPEC_FILES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/spec/experiment.h"

static char folder[64];
static tfx_registry *registry;

static inline void open_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/tfx-spec-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0); /* so that messages show the short names below */
}

static inline void close_folder(void)
{
    char command[96];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf -- '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline void open_registry(void)
{
    tfx_error err = {0};
    const char *root = getenv("TFX_BUILD_ROOT");
    ck_assert_msg(root != NULL, "run through `meson test`: TFX_BUILD_ROOT is not set");
    char *path = tfx_printf("%s/tests/spec", root);
    setenv("TFX_PLUGIN_PATH", path, 1);
    registry = tfx_registry_open(NULL, &err);
    ck_assert_msg(registry != NULL, "%s", err.text);
    free(path);
    open_folder();
}

static inline void close_registry(void)
{
    close_folder();
    tfx_registry_close(registry);
}

static inline void write_bytes(const char *name, const char *text, size_t n)
{
    FILE *f = fopen(name, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

/* Every one of `parts` (ends with NULL) must be in the message. */
static inline void check_message(const tfx_error *err, const char *const *parts)
{
    ck_assert_int_eq(err->status, TFX_E_INVALID);
    for (; *parts; parts++)
        ck_assert_msg(strstr(err->text, *parts) != NULL, "\"%s\" is not in: %s", *parts, err->text);
}
#define MESSAGE(err, ...) check_message(err, (const char *const[]){__VA_ARGS__, NULL})

/* The smallest spec, with room for more lines in each section. Line numbers: the comment. */
#define SPEC(experiment, data, train, arm, more) \
    "[experiment]\nname = demo\n" experiment              /* 1, 2; experiment 3 */ \
    "[data]\nloader = bytes\nloader.train = t.bin\n" data /* 3, 4, 5; data 6 */ \
    "[train]\nsteps = 100\nbatch = 8\n" train             /* 6, 7, 8; train 9 */ \
    "[model m]\ndim = 4\n"                                /* 9, 10 */ \
    "[arm a]\nmodel = m\n" arm more                       /* 11, 12; arm 13 */

#endif
