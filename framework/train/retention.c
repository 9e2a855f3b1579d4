#include "framework/train/retention.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"

/* Whether another arm starts from it. */
static int is_needed(const tfx_retention *r, const tfx_checkpoint_info *c)
{
    int last = !strcmp(c->reason, "final"), ends = last || !strcmp(c->reason, "stage_end");
    tfx_branch_place place = {c->step, ends ? c->stage_index : -1, last};
    return ends || !strcmp(c->reason, "periodic") ? tfx_arm_branches(r->experiment, r->arm, &place, NULL) : 0;
}

/* The files go before the row says so: whoever is killed in between does it again. */
static tfx_status retire(const tfx_retention *r, const tfx_checkpoint_info *c, tfx_error *err)
{
    char *path = tfx_printf("%s/%s", r->root, c->path);
    if (tfx_remove_dir(path, err) == TFX_OK)
        tfx_store_mark_checkpoint_deleted(r->store, c->id, err);
    free(path);
    return err->status;
}

/* Only a run's own checkpoints are its to remove. */
static tfx_status retire_parent(const tfx_retention *r, tfx_id parent, tfx_error *err)
{
    tfx_checkpoint_info c = {0};
    if (tfx_store_checkpoint(r->store, parent, &c, err) == TFX_OK && c.run == r->run && !is_needed(r, &c))
        retire(r, &c, err);
    tfx_checkpoint_info_finish(&c);
    return err->status;
}

/* Removes the files of all checkpoints with this reason but the newest `keep`, those that are needed, which do not
 * count, and the run's newest of all. */
static tfx_status prune(const tfx_retention *r, const char *reason, size_t keep, tfx_id newest, tfx_error *err)
{
    tfx_checkpoint_info *list = NULL;
    size_t n = 0;
    if (tfx_store_checkpoints_of(r->store, r->run, reason, &list, &n, err) != TFX_OK)
        return err->status;
    for (size_t i = n, kept = 0; i-- > 0;) { /* the newest first */
        if (!is_needed(r, &list[i]) && kept++ >= keep && list[i].id != newest && err->status == TFX_OK)
            retire(r, &list[i], err);
        tfx_checkpoint_info_finish(&list[i]);
    }
    free(list);
    return err->status;
}

tfx_status tfx_retention_apply(const tfx_retention *r, tfx_id newest, tfx_id parent, tfx_error *err)
{
    if (parent && !r->arm->train.keep_stages)
        retire_parent(r, parent, err);
    /* An interruption's checkpoint has served its purpose when there is a newer one. */
    if (err->status == TFX_OK && prune(r, "interrupted", 0, newest, err) == TFX_OK)
        prune(r, "periodic", (size_t)r->arm->train.keep_checkpoints, newest, err);
    return err->status;
}
