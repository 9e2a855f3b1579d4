#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"

static tfx_status copy_file(const char *from, const char *to, tfx_error *err)
{
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    if (in < 0 || fstat(in, &st))
        tfx_fail(err, TFX_E_IO, "reading %s: %s", from, strerror(errno));
    else if ((out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0)
        tfx_fail(err, TFX_E_IO, "writing %s: %s", to, strerror(errno));
    for (off_t left = out < 0 ? 0 : st.st_size; left > 0 && err->status == TFX_OK;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n > 0)
            left -= n;
        else if (n == 0)
            tfx_fail(err, TFX_E_IO, "copying %s: it ends too early", from);
        else if (errno != EINTR)
            tfx_fail(err, TFX_E_IO, "copying %s to %s: %s", from, to, strerror(errno));
    }
    if (out >= 0 && close(out) && err->status == TFX_OK)
        tfx_fail(err, TFX_E_IO, "writing %s: %s", to, strerror(errno));
    if (in >= 0)
        close(in);
    return err->status;
}

tfx_status tfx_copy_dir(const char *from, const char *to, tfx_error *err)
{
    tfx_staged_dir d = {0};
    DIR *dir = opendir(from);
    if (!dir)
        return tfx_fail(err, TFX_E_IO, "reading %s: %s", from, strerror(errno));
    tfx_staged_dir_begin(&d, to, err);
    for (const struct dirent *e; err->status == TFX_OK && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        char *source = tfx_printf("%s/%s", from, e->d_name), *target = tfx_printf("%s/%s", d.temp_path, e->d_name);
        copy_file(source, target, err);
        free(source);
        free(target);
    }
    closedir(dir);
    if (err->status == TFX_OK)
        tfx_staged_dir_commit(&d, err);
    tfx_staged_dir_finish(&d);
    return err->status;
}
