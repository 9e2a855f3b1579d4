#include "framework/upkeep/remove.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/dir_lock.h"
#include "framework/checkpoint/files.h"
#include "framework/train/run_lock.h"
#include "framework/upkeep/leftovers.h"
#include "framework/upkeep/needed.h"

/* The runs that have begun: their folders, and locks on those that are there. */
typedef struct removal {
    tfx_store *store;
    char *root;
    tfx_id experiment;
    tfx_id *runs;
    char **folders; /* relative */
    int *locks;     /* -1: no folder */
    size_t n;
} removal;

/* Within a write transaction. Who executes a run has been asked before. */
static tfx_status lock_runs(removal *r, tfx_error *err)
{
    if (tfx_store_started_runs(r->store, r->experiment, &r->runs, &r->n, err) != TFX_OK)
        return err->status;
    r->folders = TFX_NEW_ARRAY(char *, r->n);
    r->locks = TFX_NEW_ARRAY(int, r->n);
    memset(r->locks, -1, r->n * sizeof(*r->locks));
    for (size_t i = 0; i < r->n && err->status == TFX_OK; i++) {
        tfx_run_info info = {0};
        if (tfx_store_run_info(r->store, r->runs[i], &info, err) == TFX_OK) {
            char *path = tfx_printf("%s/%s", r->root, info.directory);
            r->folders[i] = tfx_strdup(info.directory);
            r->locks[i] = tfx_dir_lock(path, 0);
            if (r->locks[i] < 0 && errno != ENOENT)
                tfx_fail(err, errno == EWOULDBLOCK ? TFX_E_INVALID : TFX_E_IO, "%s: cannot lock folder: %s", path,
                         errno == EWOULDBLOCK ? "its run is being executed" : strerror(errno));
            free(path);
        }
        tfx_run_info_finish(&info);
    }
    return err->status;
}

/* "run 7 (experiment 3, onward), ..." of other experiments. */
static tfx_status check_others(const removal *r, tfx_error *err)
{
    tfx_text heirs = {0};
    tfx_needed needed = {0};
    tfx_rows *q = tfx_query_heirs(r->store, r->experiment, err);
    while (tfx_rows_next(q, err))
        tfx_text_add(&heirs, "%srun %s (experiment %s, %s)", heirs.n ? ", " : "", tfx_rows_as_text(q, 0),
                     tfx_rows_as_text(q, 1), tfx_rows_as_text(q, 2));
    tfx_rows_close(q);
    if (heirs.n && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID,
                 "experiment %lld: other runs have started from its checkpoints, and descend from them: %s",
                 (long long)r->experiment, heirs.s);
    tfx_text_free(&heirs);
    if (err->status == TFX_OK)
        tfx_needed_find(&needed, r->store, err);
    for (size_t i = 0; i < needed.n && err->status == TFX_OK; i++) {
        const struct tfx_need *need = &needed.list[i];
        tfx_checkpoint_info c = {0};
        tfx_run_info run = {0};
        if (need->experiment != r->experiment && tfx_store_checkpoint(r->store, need->checkpoint, &c, err) == TFX_OK &&
            tfx_store_run_info(r->store, c.run, &run, err) == TFX_OK && run.experiment == r->experiment)
            tfx_fail(err, TFX_E_INVALID,
                     "experiment %lld: run %lld of experiment %lld, which is not done, starts from its "
                     "checkpoint %lld",
                     (long long)r->experiment, (long long)need->run, (long long)need->experiment,
                     (long long)need->checkpoint);
        tfx_run_info_finish(&run);
        tfx_checkpoint_info_finish(&c);
    }
    tfx_needed_finish(&needed);
    return err->status;
}

/* runs/NAME, which others may be in, too. */
static tfx_status tidy_parent(const removal *r, const char *folder, tfx_error *err)
{
    const char *slash = strrchr(folder, '/');
    char *relative = tfx_strndup(folder, slash ? (size_t)(slash - folder) : 0);
    char *path = tfx_printf("%s/%s", r->root, relative);
    if (*relative && tfx_leftovers_remove(r->root, relative, err) == TFX_OK && strcmp(relative, "runs"))
        rmdir(path);
    free(path);
    free(relative);
    return err->status;
}

static tfx_status remove_folders(const removal *r, tfx_error *err)
{
    for (size_t i = 0; i < r->n && err->status == TFX_OK; i++) {
        char *path = tfx_printf("%s/%s", r->root, r->folders[i]);
        tfx_remove_dir(path, err);
        free(path);
    }
    return err->status;
}

static void finish(removal *r)
{
    for (size_t i = 0; i < r->n && r->folders; i++) {
        if (r->locks[i] >= 0)
            close(r->locks[i]);
        free(r->folders[i]);
    }
    free(r->runs);
    free(r->folders);
    free(r->locks);
    free(r->root);
}

tfx_status tfx_remove_experiment(tfx_store *store, tfx_id experiment, int apply, tfx_store_extent *out, tfx_error *err)
{
    removal r = {.store = store, .root = tfx_store_folder(store), .experiment = experiment};
    tfx_id *runs = NULL;
    size_t n = 0;
    if (tfx_store_started_runs(store, experiment, &runs, &n, err) == TFX_OK)
        tfx_run_lock_check(store, runs, n, err); /* it names the process, and waits for one that is dying */
    free(runs);
    if (err->status == TFX_OK && tfx_store_begin(store, err) == TFX_OK) {
        if (lock_runs(&r, err) == TFX_OK && check_others(&r, err) == TFX_OK &&
            tfx_store_extent_of(store, experiment, out, err) == TFX_OK && apply)
            tfx_store_mark_files_removed(store, experiment, err);
        if (err->status != TFX_OK || !apply)
            tfx_store_rollback(store);
        else if (tfx_store_commit(store, err) == TFX_OK && remove_folders(&r, err) == TFX_OK)
            tfx_store_remove_experiment(store, experiment, r.n, err);
        for (size_t i = 0; i < r.n && err->status == TFX_OK && apply; i++)
            tidy_parent(&r, r.folders[i], err);
    }
    finish(&r);
    return err->status;
}
