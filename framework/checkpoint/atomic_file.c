/* Files that appear whole or not at all. The temporary file lies beside the final one, so the rename
 * stays within one file system and is atomic; the data is on disk before the name is. */
#include "framework/checkpoint/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"

char *tfx_parent_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return tfx_strdup(".");
    return slash == path ? tfx_strdup("/") : tfx_strndup(path, (size_t)(slash - path));
}

/* Some file systems and all devices have nothing to flush and say so with EINVAL. */
static int sync_fd(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : -1;
}

tfx_status tfx_sync_dir(const char *path, tfx_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot open folder to flush it: %s", path, strerror(errno));
    tfx_status status = TFX_OK;
    if (sync_fd(fd) != 0)
        status = tfx_fail(err, TFX_E_IO, "%s: cannot flush folder to disk: %s", path, strerror(errno));
    close(fd);
    return status;
}

tfx_status tfx_atomic_file_begin(tfx_atomic_file *f, const char *final_path, tfx_error *err)
{
    struct stat st;
    int exists = stat(final_path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return tfx_fail(err, TFX_E_IO, "%s: cannot write: is a folder, expected a file", final_path);
    /* A device (/dev/stdout, /dev/full) must be written, not replaced by a file. */
    int in_place = exists && !S_ISREG(st.st_mode);

    f->final_path = tfx_strdup(final_path);
    f->temp_path = in_place ? NULL : tfx_printf("%s.tmp-%ld", final_path, (long)getpid());
    if (in_place) {
        f->fd = open(f->final_path, O_WRONLY | O_CLOEXEC);
    } else {
        unlink(f->temp_path); /* it can only be a leftover of an earlier process with our id */
        f->fd = open(f->temp_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (f->fd < 0) {
        tfx_fail(err, TFX_E_IO, "%s: cannot create: %s", final_path, strerror(errno));
        free(f->temp_path);
        free(f->final_path);
        *f = (tfx_atomic_file){0};
        return err->status;
    }
    f->open = 1;
    return TFX_OK;
}

tfx_status tfx_atomic_file_write(tfx_atomic_file *f, const void *data, size_t n, tfx_error *err)
{
    const char *p = data;
    while (n > 0) {
        ssize_t k = write(f->fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return tfx_fail(err, TFX_E_IO, "%s: cannot write %zu bytes: %s", f->final_path, n, strerror(errno));
        p += k;
        n -= (size_t)k;
    }
    return TFX_OK;
}

tfx_status tfx_atomic_file_commit(tfx_atomic_file *f, tfx_error *err)
{
    if (!f->unsynced && sync_fd(f->fd) != 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot flush to disk: %s", f->final_path, strerror(errno));
    f->open = 0;
    if (close(f->fd) != 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot close: %s", f->final_path, strerror(errno));
    if (!f->temp_path)
        return TFX_OK;
    if (rename(f->temp_path, f->final_path) != 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot rename %s to it: %s", f->final_path, f->temp_path, strerror(errno));
    free(f->temp_path);
    f->temp_path = NULL;
    if (f->unsynced)
        return TFX_OK;
    char *parent = tfx_parent_dir(f->final_path);
    tfx_status status = tfx_sync_dir(parent, err);
    free(parent);
    return status;
}

void tfx_atomic_file_finish(tfx_atomic_file *f)
{
    if (f->open)
        close(f->fd);
    if (f->temp_path)
        unlink(f->temp_path);
    free(f->temp_path);
    free(f->final_path);
    *f = (tfx_atomic_file){0};
}
