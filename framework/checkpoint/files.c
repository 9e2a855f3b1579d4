/* Files: making folders, free space, small files written atomically. */
#include "framework/checkpoint/files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/atomic_file.h"

tfx_status tfx_make_dirs(const char *path, tfx_error *err)
{
    char *part = tfx_strdup(path);
    size_t n = strlen(part), i = 0;
    while (i < n && err->status == TFX_OK) {
        while (part[i] == '/') /* up to the end of the next component */
            i++;
        while (i < n && part[i] != '/')
            i++;
        part[i] = '\0';
        struct stat st;
        int made = mkdir(part, 0777), cause = errno;
        /* mkdir on what exists may fail otherwise than with EEXIST, e.g. EROFS. */
        int exists = made != 0 && stat(part, &st) == 0;
        if (exists && !S_ISDIR(st.st_mode))
            tfx_fail(err, TFX_E_IO, "%s: cannot create folder: %s exists and is not a folder", path, part);
        else if (made != 0 && !exists)
            tfx_fail(err, TFX_E_IO, "%s: cannot create folder %s: %s", path, part, strerror(cause));
        if (i < n)
            part[i] = '/';
    }
    if (n == 0)
        tfx_fail(err, TFX_E_IO, "cannot create folder: its path is empty");
    free(part);
    return err->status;
}

uint64_t tfx_free_bytes(const char *path)
{
    struct statvfs fs;
    char *existing = tfx_strdup(path);
    int found;
    while ((found = statvfs(existing, &fs)) != 0 && strcmp(existing, ".") != 0 && strcmp(existing, "/") != 0) {
        char *parent = tfx_parent_dir(existing);
        free(existing);
        existing = parent;
    }
    free(existing);
    return found == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}

tfx_status tfx_write_file_atomic(const char *path, const void *data, size_t n, tfx_error *err)
{
    tfx_atomic_file f = {0};
    if (tfx_atomic_file_begin(&f, path, err) == TFX_OK && tfx_atomic_file_write(&f, data, n, err) == TFX_OK)
        tfx_atomic_file_commit(&f, err);
    tfx_atomic_file_finish(&f);
    return err->status;
}
