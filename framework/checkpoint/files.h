/* Files: folders that appear whole or not at all (hashing: framework/base/hash.h). */
#ifndef TFX_CHECKPOINT_FILES_H
#define TFX_CHECKPOINT_FILES_H

#include <stdint.h>

#include "framework/base/error.h"
#include "framework/base/hash.h"

/* mkdir -p. */
tfx_status tfx_make_dirs(const char *path, tfx_error *err);

/* Free bytes on the file system that holds `path` (or its nearest existing parent). */
uint64_t tfx_free_bytes(const char *path);

/* Writes a small file: temporary name in the same folder, fsync, rename, fsync of the folder. */
tfx_status tfx_write_file_atomic(const char *path, const void *data, size_t n, tfx_error *err);

/* A folder written under a temporary name ("NAME.tmp-PID") beside its final one. */
typedef struct tfx_staged_dir {
    char *final_path, *temp_path;
    int lock; /* while temp_path is not NULL */
} tfx_staged_dir;

/* Creates the temporary folder; removes those beside it, of any final name, whose process is gone. The
 * parent must exist. */
tfx_status tfx_staged_dir_begin(tfx_staged_dir *d, const char *final_path, tfx_error *err);
/* fsyncs the files and the folder, renames it to its final name and fsyncs the parent. An existing
 * folder of that name (left by an older run of the same step) is replaced. */
tfx_status tfx_staged_dir_commit(tfx_staged_dir *d, tfx_error *err);
/* Removes the temporary folder; does nothing after a commit. Always call it. */
void tfx_staged_dir_finish(tfx_staged_dir *d);

/* Whether the path names a folder as tfx names unfinished ones, and nobody works on it any more. */
int tfx_is_stale_dir(const char *path);

/* Copies the files of a folder into a new one, which appears whole or not at all. Its parent must exist. */
tfx_status tfx_copy_dir(const char *from, const char *to, tfx_error *err);

/* Writes n texts as files of a new folder, which appears whole or not at all. Refused where there is something of that
 * name; its parent must exist. */
tfx_status tfx_write_new_dir(const char *path, size_t n, char *const *names, char *const *texts, tfx_error *err);

/* Removes a folder and the files in it (one level of sub-folders at most). It vanishes from
 * its name at once; one that is not there counts as removed. */
tfx_status tfx_remove_dir(const char *path, tfx_error *err);

#endif
