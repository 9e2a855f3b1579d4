#include "framework/upkeep/collect.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/dir_lock.h"
#include "framework/checkpoint/files.h"
#include "framework/store/queries.h"
#include "framework/store/upkeep.h"
#include "framework/train/resume.h"
#include "framework/upkeep/leftovers.h"
#include "framework/upkeep/needed.h"

typedef struct collector {
    tfx_store *store;
    char *root;
    const tfx_gc_policy *policy;
    int apply;
    tfx_gc *out;
} collector;

static int is_there(const collector *c, const tfx_stored_files *f)
{
    char *path = tfx_printf("%s/%s", c->root, f->path);
    int there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* The first reason that holds, among those that concern one checkpoint. */
static tfx_gc_fate fate_of(const collector *c, const tfx_needed *needed, const tfx_stored_files *f, tfx_error *err)
{
    static const char *const stage[] = {"stage_end", "grown", "final"};
    if (tfx_query_is_origin(c->store, f->id, err))
        return TFX_GC_ORIGIN;
    if (tfx_needed_by(needed, f->id))
        return TFX_GC_START;
    for (size_t i = 0; i < sizeof(stage) / sizeof(*stage); i++)
        if (c->policy->stages && !f->superseded && !strcmp(f->reason, stage[i]))
            return TFX_GC_STAGE;
    return TFX_GC_REMOVED;
}

/* A better reason comes first in the list of them. */
static void keep(tfx_gc_fate *fate, tfx_gc_fate why)
{
    if (*fate == TFX_GC_REMOVED || why < *fate)
        *fate = why;
}

/* The fate of each checkpoint of a run, oldest first. */
static tfx_status decide(const collector *c, const tfx_run_info *run, const tfx_stored_files *f, size_t n,
                         tfx_gc_fate *fates, tfx_error *err)
{
    tfx_checkpoint_info resumed = {0};
    tfx_needed needed = {0};
    size_t best = n;
    int64_t newest = 0;
    tfx_needed_find(&needed, c->store, err);
    if (run->status != TFX_RUN_DONE && err->status == TFX_OK)
        tfx_resume_find(c->store, run->run, c->root, &resumed, err);
    for (size_t i = n; i-- > 0 && err->status == TFX_OK;) {
        fates[i] = fate_of(c, &needed, &f[i], err);
        if (f[i].id == resumed.id)
            keep(&fates[i], TFX_GC_RESUME);
        if (f[i].superseded || !is_there(c, &f[i]))
            continue;
        if (newest++ < c->policy->newest)
            keep(&fates[i], TFX_GC_NEWEST);
        if (!isnan(f[i].val_loss) && (best == n || f[i].val_loss < f[best].val_loss))
            best = i;
    }
    if (best < n && c->policy->best)
        keep(&fates[best], TFX_GC_BEST);
    /* A repeated step has the folder of the one that it repeated: both stay or both go. */
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (fates[k] != TFX_GC_REMOVED && !strcmp(f[i].path, f[k].path))
                keep(&fates[i], fates[k]);
    tfx_checkpoint_info_finish(&resumed);
    tfx_needed_finish(&needed);
    return err->status;
}

/* Adds the checkpoints of a run that have a folder, each folder once, and marks those that go. */
static tfx_status add_items(const collector *c, const tfx_run_info *run, const tfx_stored_files *f, size_t n,
                            const tfx_gc_fate *fates, tfx_error *err)
{
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        int again = 0;
        for (size_t k = i + 1; k < n; k++)
            again |= !strcmp(f[i].path, f[k].path);
        if (!is_there(c, &f[i])) /* whoever took it away may bring it back */
            continue;
        if (!again)
            *TFX_APPEND(c->out->items, c->out->n, c->out->cap) = (tfx_gc_item){.run = run->run,
                                                                               .checkpoint = f[i].id,
                                                                               .step = f[i].step,
                                                                               .bytes = f[i].bytes,
                                                                               .path = tfx_strdup(f[i].path),
                                                                               .reason = tfx_strdup(f[i].reason),
                                                                               .fate = fates[i]};
        if (fates[i] == TFX_GC_REMOVED && c->apply)
            tfx_store_mark_checkpoint_deleted(c->store, f[i].id, err);
    }
    return err->status;
}

/* Within a write transaction, with the folder's lock (-1: another process has it). */
static tfx_status look_at(const collector *c, const tfx_run_info *run, int lock, tfx_error *err)
{
    tfx_stored_files *files = NULL;
    size_t n = 0;
    if (lock >= 0) /* before any is marked, or its folder would count as one */
        tfx_leftovers_of_run(c->store, c->root, run->directory, run->run, c->out, err);
    if (err->status == TFX_OK && tfx_store_files_of(c->store, run->run, &files, &n, err) == TFX_OK) {
        tfx_gc_fate *fates = TFX_NEW_ARRAY(tfx_gc_fate, n);
        for (size_t i = 0; i < n; i++)
            fates[i] = TFX_GC_EXECUTED;
        if (lock >= 0)
            decide(c, run, files, n, fates, err);
        add_items(c, run, files, n, fates, err);
        free(fates);
    }
    tfx_stored_files_finish(files, n);
    return err->status;
}

static tfx_status remove_folders(const collector *c, size_t first, tfx_error *err)
{
    for (size_t i = first; i < c->out->n && err->status == TFX_OK; i++) {
        char *path = tfx_printf("%s/%s", c->root, c->out->items[i].path);
        if (c->out->items[i].fate == TFX_GC_REMOVED)
            tfx_remove_dir(path, err);
        free(path);
    }
    return err->status;
}

/* Ends the transaction: what has been marked stays so only if it is to be removed. */
static tfx_status end(const collector *c, tfx_error *err)
{
    if (err->status == TFX_OK && c->apply)
        return tfx_store_commit(c->store, err);
    tfx_store_rollback(c->store);
    return err->status;
}

static tfx_status collect_run(const collector *c, tfx_id id, tfx_error *err)
{
    tfx_run_info run = {0};
    size_t first = c->out->n;
    int lock = -1;
    if (tfx_store_begin(c->store, err) != TFX_OK)
        return err->status;
    if (tfx_store_run_info(c->store, id, &run, err) == TFX_OK) {
        char *path = tfx_printf("%s/%s", c->root, run.directory);
        lock = tfx_dir_lock(path, 0);
        if (lock < 0 && errno != EWOULDBLOCK && errno != ENOENT)
            tfx_fail(err, TFX_E_IO, "%s: cannot lock folder: %s", path, strerror(errno));
        else if (lock >= 0 || errno == EWOULDBLOCK)
            look_at(c, &run, lock, err);
        free(path);
    }
    if (end(c, err) == TFX_OK && c->apply)
        remove_folders(c, first, err);
    if (lock >= 0)
        close(lock);
    tfx_run_info_finish(&run);
    return err->status;
}

/* Here, too, folders go within the transaction: they are empty, or nobody's. */
static tfx_status collect_beside(const collector *c, tfx_error *err)
{
    size_t first = c->out->n;
    if (tfx_store_begin(c->store, err) != TFX_OK)
        return err->status;
    if (tfx_leftovers_beside(c->store, c->root, c->out, err) == TFX_OK && c->apply)
        remove_folders(c, first, err);
    tfx_store_rollback(c->store);
    return err->status;
}

tfx_status tfx_gc_run(tfx_store *store, const tfx_id *experiments, size_t n, const tfx_gc_policy *policy, int apply,
                      tfx_gc *out, tfx_error *err)
{
    const collector c = {store, tfx_store_folder(store), policy, apply, out};
    *out = (tfx_gc){0};
    for (size_t i = 0; i < (n ? n : 1) && err->status == TFX_OK; i++) {
        tfx_id *runs = NULL;
        size_t n_runs = 0;
        tfx_store_started_runs(store, n ? experiments[i] : 0, &runs, &n_runs, err);
        for (size_t k = 0; k < n_runs && err->status == TFX_OK; k++)
            collect_run(&c, runs[k], err);
        free(runs);
    }
    if (!n && err->status == TFX_OK)
        collect_beside(&c, err);
    free(c.root);
    return err->status;
}

void tfx_gc_finish(tfx_gc *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->items[i].path);
        free(g->items[i].reason);
    }
    free(g->items);
    *g = (tfx_gc){0};
}
