/* The lock of a run's folder is tried and taken only within a write transaction. So nobody takes one who
 * just looks for the process that executes the run, and the process that holds it has said who it is. */
#include "framework/train/run_lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/dir_lock.h"
#include "framework/checkpoint/files.h"

/* A process with much memory takes this long to die; a run can be resumed right after its command was killed. */
#define DYING_MS 3000

static tfx_status fail_taken(const tfx_run_info *run, tfx_error *err)
{
    if (run->status != TFX_RUN_RUNNING)
        return tfx_fail(
            err, TFX_E_INVALID,
            "run %lld (arm %s, seed %lld) is being executed, or files of it are removed, by a process that the "
            "database does not name; try again when that has ended",
            (long long)run->run, run->arm_name, (long long)run->seed);
    return tfx_fail(err, TFX_E_INVALID,
                    "run %lld (arm %s, seed %lld) is being executed by process %lld on %s; stop it first",
                    (long long)run->run, run->arm_name, (long long)run->seed, (long long)run->pid,
                    run->host ? run->host : "this machine");
}

/* A descriptor that holds the lock of the run's folder, or -1 with a message. */
static int lock_run(const char *path, const tfx_run_info *run, int *taken, tfx_error *err)
{
    int lock = tfx_dir_lock(path, 0);
    *taken = lock < 0 && errno == EWOULDBLOCK;
    if (*taken)
        fail_taken(run, err);
    else if (lock < 0)
        tfx_fail(err, TFX_E_IO, "%s: cannot lock folder: %s", path, strerror(errno));
    return lock;
}

static tfx_status check_once(tfx_store *store, const char *root, const tfx_id *runs, size_t n, int *taken,
                             tfx_error *err)
{
    if (tfx_store_begin(store, err) != TFX_OK)
        return err->status;
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        tfx_run_info info = {0};
        if (tfx_store_run_info(store, runs[i], &info, err) == TFX_OK && info.directory) {
            char *path = tfx_printf("%s/%s", root, info.directory);
            int lock = access(path, F_OK) == 0 ? lock_run(path, &info, taken, err) : -1;
            if (lock >= 0)
                close(lock);
            free(path);
        }
        tfx_run_info_finish(&info);
    }
    tfx_store_rollback(store);
    return err->status;
}

tfx_status tfx_run_lock_check(tfx_store *store, const tfx_id *runs, size_t n, tfx_error *err)
{
    char *root = tfx_store_folder(store);
    for (int waited_ms = 0;; waited_ms += 50) {
        tfx_error now = {0};
        int taken = 0;
        if (check_once(store, root, runs, n, &taken, &now) == TFX_OK)
            break;
        if (!taken || waited_ms >= DYING_MS) {
            tfx_fail(err, now.status, "%s", now.text);
            break;
        }
        usleep(50000);
    }
    free(root);
    return err->status;
}

int tfx_run_lock_is_taken(tfx_store *store, tfx_id run)
{
    char *root = tfx_store_folder(store);
    tfx_error unused = {0};
    int taken = 0;
    check_once(store, root, &run, 1, &taken, &unused);
    free(root);
    return taken;
}

/* Makes the folder of a run's files. The run's number alone is not enough for its name: another database in
 * the same folder, or one that was removed, has its own run 1. */
static char *make_directory(const char *root, const tfx_run_info *run, tfx_error *err)
{
    char *parent = tfx_printf("%s/runs/%s", root, run->experiment_name), *relative = NULL, suffix[32] = "";
    tfx_make_dirs(parent, err);
    for (int k = 2; !relative && err->status == TFX_OK; k++) {
        relative = tfx_printf("runs/%s/%lld%s", run->experiment_name, (long long)run->run, suffix);
        char *path = tfx_printf("%s/%s", root, relative);
        if (mkdir(path, 0777)) {
            if (errno != EEXIST)
                tfx_fail(err, TFX_E_IO, "%s: cannot create folder: %s", path, strerror(errno));
            free(relative);
            relative = NULL;
        }
        free(path);
        snprintf(suffix, sizeof(suffix), "-%d", k);
    }
    free(parent);
    return relative;
}

tfx_status tfx_run_lock_take(tfx_run_lock *l, tfx_store *store, tfx_id run, tfx_id environment, tfx_error *err)
{
    char *root = tfx_store_folder(store), *path = NULL;
    tfx_run_info info = {0};
    *l = (tfx_run_lock){.lock = -1};
    if (tfx_store_begin(store, err) != TFX_OK)
        goto done;
    if (tfx_store_run_info(store, run, &info, err) != TFX_OK)
        goto undo;
    l->directory = info.directory ? tfx_strdup(info.directory) : make_directory(root, &info, err);
    path = tfx_printf("%s/%s", root, l->directory ? l->directory : "");
    if (err->status != TFX_OK || tfx_make_dirs(path, err) != TFX_OK) /* somebody may have removed it since */
        goto undo;
    l->lock = lock_run(path, &info, &l->taken, err);
    if (l->lock >= 0 && info.status == TFX_RUN_DONE) { /* by another command, since this one was started */
        l->taken = 1;
        tfx_fail(err, TFX_E_INVALID, "run %lld (arm %s, seed %lld) is done already", (long long)run, info.arm_name,
                 (long long)info.seed);
        goto undo;
    }
    if (l->lock >= 0 && tfx_store_start_run(store, run, environment, l->directory, getpid(), err) == TFX_OK &&
        tfx_store_commit(store, err) == TFX_OK)
        goto done;
undo:
    tfx_store_rollback(store);
done:
    tfx_run_info_finish(&info);
    free(path);
    free(root);
    return err->status;
}

void tfx_run_lock_release(tfx_run_lock *l)
{
    if (l->lock >= 0)
        close(l->lock);
    free(l->directory);
    *l = (tfx_run_lock){.lock = -1};
}
