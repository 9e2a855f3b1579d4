/* Folders that appear whole or not at all, and disappear the same way.
 *
 * A folder is filled under "NAME.tmp-PID" and renamed when every byte is on disk. One that must go
 * is first renamed to "NAME.tmp-PID.old", so that a process killed in the middle leaves nothing
 * under the final name that looks whole and is not. Whoever works on such a folder holds a lock on it; what a
 * killed process leaves behind has none, and is removed by the next one that stages a folder beside it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/atomic_file.h"
#include "framework/checkpoint/dir_lock.h"
#include "framework/checkpoint/files.h"

#define TEMP_MARK ".tmp-"
#define OLD_MARK ".old"

static char *without_trailing_slashes(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return tfx_strndup(path, n);
}

/* Calls visit on every entry of the folder `path`; stops at the first error. */
typedef tfx_status (*visit_fn)(const char *path, const struct stat *st, int depth, tfx_error *err);

static tfx_status each_entry(const char *path, int depth, visit_fn visit, tfx_error *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return tfx_fail(err, TFX_E_IO, "%s: cannot list folder: %s", path, strerror(errno));
    struct dirent *e;
    while (err->status == TFX_OK && (e = readdir(dir))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *entry = tfx_printf("%s/%s", path, e->d_name);
        struct stat st;
        if (lstat(entry, &st) == 0)
            visit(entry, &st, depth, err);
        else if (errno != ENOENT)
            tfx_fail(err, TFX_E_IO, "%s: cannot stat: %s", entry, strerror(errno));
        free(entry);
    }
    closedir(dir);
    return err->status;
}

/* ---- removing ---- */

static tfx_status refuse_deep(const char *path, const struct stat *st, int depth, tfx_error *err)
{
    if (!S_ISDIR(st->st_mode))
        return TFX_OK;
    if (depth > 0)
        return tfx_fail(err, TFX_E_INVALID, "%s: not removed: it lies deeper than tfx makes folders", path);
    return each_entry(path, depth + 1, refuse_deep, err);
}

static tfx_status remove_entry(const char *path, const struct stat *st, int depth, tfx_error *err)
{
    int is_dir = S_ISDIR(st->st_mode);
    if (is_dir && each_entry(path, depth + 1, remove_entry, err) != TFX_OK)
        return err->status;
    if ((is_dir ? rmdir(path) : unlink(path)) != 0 && errno != ENOENT)
        return tfx_fail(err, TFX_E_IO, "%s: cannot remove: %s", path, strerror(errno));
    return TFX_OK;
}

/* Removes a folder that is already out of everybody's sight. */
static tfx_status remove_tree(const char *path, tfx_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? TFX_OK : tfx_fail(err, TFX_E_IO, "%s: cannot stat: %s", path, strerror(errno));
    return remove_entry(path, &st, -1, err);
}

/* A folder that is not there counts as removed: whoever asks may have been killed halfway before. */
tfx_status tfx_remove_dir(const char *path, tfx_error *err)
{
    char *final = without_trailing_slashes(path), *parent = tfx_parent_dir(final);
    char *aside = tfx_printf("%s" TEMP_MARK "%ld" OLD_MARK, final, (long)getpid());
    struct stat st;
    if (lstat(final, &st) != 0) {
        if (errno != ENOENT)
            tfx_fail(err, TFX_E_IO, "%s: cannot stat: %s", path, strerror(errno));
    } else if (!S_ISDIR(st.st_mode)) {
        tfx_fail(err, TFX_E_INVALID, "%s: cannot remove: is not a folder", path);
    } else if (each_entry(final, 0, refuse_deep, err) == TFX_OK && remove_tree(aside, err) == TFX_OK) {
        int lock = tfx_dir_lock(final, 0); /* nobody takes it for a leftover and removes it, too */
        if (rename(final, aside) != 0)
            tfx_fail(err, TFX_E_IO, "%s: cannot remove: %s", path, strerror(errno));
        else if (remove_tree(aside, err) == TFX_OK)
            tfx_sync_dir(parent, err);
        if (lock >= 0)
            close(lock);
    }
    free(parent);
    free(aside);
    free(final);
    return err->status;
}

/* ---- staging ---- */

/* Whether a name is one that tfx gives to unfinished folders. */
static int is_temp_name(const char *name)
{
    const char *mark = NULL, *next = name;
    while ((next = strstr(next, TEMP_MARK)))
        mark = next++;
    if (!mark || mark == name)
        return 0;
    const char *id = mark + strlen(TEMP_MARK), *end = id + strspn(id, "0123456789");
    return end > id && (*end == '\0' || strcmp(end, OLD_MARK) == 0);
}

/* Removes what nobody works on any more. A leftover that cannot be removed is not worth failing a
 * checkpoint for. */
static tfx_status remove_stale(const char *path, const struct stat *st, int depth, tfx_error *err)
{
    (void)depth, (void)err;
    int lock = S_ISDIR(st->st_mode) && is_temp_name(strrchr(path, '/') + 1) ? tfx_dir_lock(path, 0) : -1;
    if (lock >= 0) {
        tfx_error ignored = {0};
        remove_tree(path, &ignored);
        close(lock);
    }
    return TFX_OK;
}

int tfx_is_stale_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    int lock = is_temp_name(slash ? slash + 1 : path) ? tfx_dir_lock(path, 0) : -1;
    if (lock >= 0)
        close(lock);
    return lock >= 0;
}

/* Makes a folder and locks it; -1: errno says why not. Whoever looks for leftovers may come in between
 * and remove it: then it is made again. */
static int make_locked(const char *path)
{
    struct stat held, there;
    while (mkdir(path, 0777) == 0) {
        int lock = tfx_dir_lock(path, 1);
        if (lock < 0 && errno != ENOENT)
            return -1;
        if (lock >= 0 && fstat(lock, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
            held.st_ino == there.st_ino)
            return lock;
        if (lock >= 0)
            close(lock);
    }
    return -1;
}

static tfx_status check_final(const char *path, tfx_error *err)
{
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return tfx_fail(err, TFX_E_IO, "%s: exists and is not a folder", path);
    return TFX_OK;
}

tfx_status tfx_staged_dir_begin(tfx_staged_dir *d, const char *final_path, tfx_error *err)
{
    *d = (tfx_staged_dir){.final_path = without_trailing_slashes(final_path), .lock = -1};
    char *temp = tfx_printf("%s" TEMP_MARK "%ld", d->final_path, (long)getpid());
    char *parent = tfx_parent_dir(d->final_path);
    if (check_final(d->final_path, err) == TFX_OK && each_entry(parent, 0, remove_stale, err) == TFX_OK &&
        remove_tree(temp, err) == TFX_OK) {
        d->lock = make_locked(temp);
        if (d->lock >= 0)
            d->temp_path = tfx_strdup(temp);
        else
            tfx_fail(err, TFX_E_IO, "%s: cannot create folder: %s", temp, strerror(errno));
    }
    free(temp);
    free(parent);
    return err->status;
}

static tfx_status sync_entry(const char *path, const struct stat *st, int depth, tfx_error *err)
{
    if (S_ISDIR(st->st_mode))
        return each_entry(path, depth + 1, sync_entry, err) == TFX_OK ? tfx_sync_dir(path, err) : err->status;
    if (!S_ISREG(st->st_mode))
        return TFX_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot open to flush it: %s", path, strerror(errno));
    if (fsync(fd) != 0)
        tfx_fail(err, TFX_E_IO, "%s: cannot flush to disk: %s", path, strerror(errno));
    close(fd);
    return err->status;
}

/* Renames temp to final, where a folder may already be. It leaves that folder at `temp`, or on file
 * systems that cannot exchange names, at `aside`. */
static int replace(const char *temp, const char *final, const char *aside)
{
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, final, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EEXIST && renameat2(AT_FDCWD, temp, AT_FDCWD, final, RENAME_EXCHANGE) == 0)
        return 0;
    /* A plain rename replaces nothing but an empty folder. */
    if (rename(temp, final) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -1;
    if (rename(final, aside) != 0)
        return -1;
    if (rename(temp, final) == 0)
        return 0;
    int cause = errno;
    rename(aside, final);
    errno = cause;
    return -1;
}

tfx_status tfx_staged_dir_commit(tfx_staged_dir *d, tfx_error *err)
{
    char *aside = tfx_printf("%s" OLD_MARK, d->temp_path), *parent = tfx_parent_dir(d->final_path);
    if (each_entry(d->temp_path, 0, sync_entry, err) != TFX_OK || tfx_sync_dir(d->temp_path, err) != TFX_OK ||
        check_final(d->final_path, err) != TFX_OK || remove_tree(aside, err) != TFX_OK)
        goto done;
    if (replace(d->temp_path, d->final_path, aside) != 0) {
        tfx_fail(err, TFX_E_IO, "%s: cannot rename %s to it: %s", d->final_path, d->temp_path, strerror(errno));
        goto done;
    }
    tfx_sync_dir(parent, err);
    /* What was there before is waste now; if it resists, a later begin removes it. */
    tfx_error ignored = {0};
    remove_tree(d->temp_path, &ignored);
    remove_tree(aside, &ignored);
    free(d->temp_path);
    d->temp_path = NULL;
    close(d->lock);
done:
    free(aside);
    free(parent);
    return err->status;
}

void tfx_staged_dir_finish(tfx_staged_dir *d)
{
    if (d->temp_path) {
        tfx_error ignored = {0};
        remove_tree(d->temp_path, &ignored);
        close(d->lock);
    }
    free(d->temp_path);
    free(d->final_path);
    *d = (tfx_staged_dir){0};
}
