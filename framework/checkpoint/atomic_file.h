/* A file that appears under its final name only when it is whole: written under
 * "NAME.tmp-PID" in the same folder, flushed to disk, then renamed. */
#ifndef TFX_CHECKPOINT_ATOMIC_FILE_H
#define TFX_CHECKPOINT_ATOMIC_FILE_H

#include "framework/base/error.h"

/* Zero-initialise. */
typedef struct tfx_atomic_file {
    int unsynced; /* set by whoever flushes the folder as a whole: not flushed here */
    int open;     /* whether fd is ours to close */
    int fd;
    char *final_path;
    char *temp_path; /* NULL: final_path is a device or pipe, written in place */
} tfx_atomic_file;

tfx_status tfx_atomic_file_begin(tfx_atomic_file *f, const char *final_path, tfx_error *err);
/* Writes all n bytes at the end of the file. */
tfx_status tfx_atomic_file_write(tfx_atomic_file *f, const void *data, size_t n, tfx_error *err);
/* fsync, close, rename, fsync of the folder. */
tfx_status tfx_atomic_file_commit(tfx_atomic_file *f, tfx_error *err);
/* Removes what was not committed. Always call it; twice does no harm. */
void tfx_atomic_file_finish(tfx_atomic_file *f);

/* The folder that holds `path`, to be freed: "a/b" gives "a", "b" gives ".", "/b" gives "/". */
char *tfx_parent_dir(const char *path);

/* fsync of a folder, so that a rename in it survives a power loss. */
tfx_status tfx_sync_dir(const char *path, tfx_error *err);

#endif
