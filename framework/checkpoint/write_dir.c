/* A folder of small files, written at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"

static tfx_status write_text(const char *folder, const char *shown, const char *name, const char *text, tfx_error *err)
{
    char *path = tfx_printf("%s/%s", folder, name);
    FILE *f = fopen(path, "wx");
    int failed = !f || fputs(text, f) < 0;
    int cause = errno;
    if (f && fclose(f) && !failed) {
        failed = 1;
        cause = errno;
    }
    if (failed)
        tfx_fail(err, TFX_E_IO, "writing %s/%s: %s", shown, name, strerror(cause));
    free(path);
    return err->status;
}

tfx_status tfx_write_new_dir(const char *path, size_t n, char *const *names, char *const *texts, tfx_error *err)
{
    tfx_staged_dir d = {0};
    struct stat st;
    if (lstat(path, &st) == 0)
        return tfx_fail(err, TFX_E_INVALID, "%s: expected a folder that is not there yet; found %s", path,
                        S_ISDIR(st.st_mode) ? "a folder" : "a file");
    tfx_staged_dir_begin(&d, path, err);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        write_text(d.temp_path, path, names[i], texts[i], err);
    if (err->status == TFX_OK)
        tfx_staged_dir_commit(&d, err);
    tfx_staged_dir_finish(&d);
    return err->status;
}
