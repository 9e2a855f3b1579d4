#include "framework/upkeep/vacuum.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/files.h"
#include "framework/store/upkeep.h"
#include "framework/train/run_lock.h"

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : (int64_t)st.st_size;
}

static int64_t file_size(const tfx_store *store)
{
    char *wal = tfx_printf("%s-wal", tfx_store_path(store));
    int64_t bytes = size_of(tfx_store_path(store)) + size_of(wal);
    free(wal);
    return bytes;
}

/* Where SQLite makes its temporary files. */
static const char *temporary_folder(void)
{
    const char *const folders[] = {getenv("SQLITE_TMPDIR"), getenv("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (folders[i] && access(folders[i], W_OK | X_OK) == 0)
            return folders[i];
    return ".";
}

/* SQLite writes the new file among its temporary ones, and copies it into the log beside the old one. */
static tfx_status check_room(const char *folder, int64_t bytes, tfx_error *err)
{
    const char *temporary = temporary_folder();
    struct stat a, b;
    int same = stat(folder, &a) == 0 && stat(temporary, &b) == 0 && a.st_dev == b.st_dev;
    const char *places[] = {folder, temporary};
    for (int i = 0; i < (same ? 1 : 2) && err->status == TFX_OK; i++) {
        uint64_t needed = (uint64_t)bytes * (same ? 2 : 1), free_bytes = tfx_free_bytes(places[i]);
        char n[32], f[32];
        if (free_bytes < needed)
            tfx_fail(err, TFX_E_INVALID, "%s: rewriting the database needs %s there for a while; there are %s free",
                     places[i], tfx_format_bytes(n, (double)needed), tfx_format_bytes(f, (double)free_bytes));
    }
    return err->status;
}

tfx_status tfx_vacuum(tfx_store *store, int64_t *before, int64_t *after, tfx_error *err)
{
    tfx_id *runs = NULL;
    size_t n = 0;
    char *folder = tfx_store_folder(store);
    *before = *after = file_size(store);
    if (tfx_store_started_runs(store, 0, &runs, &n, err) == TFX_OK &&
        tfx_run_lock_check(store, runs, n, err) == TFX_OK && check_room(folder, *before, err) == TFX_OK &&
        tfx_store_vacuum(store, err) == TFX_OK)
        *after = file_size(store);
    free(folder);
    free(runs);
    return err->status;
}
