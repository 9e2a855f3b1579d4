#include "framework/train/resume.h"

#include <inttypes.h>
#include <unistd.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/checkpoint/checkpoint.h"

static char *folder_of(const char *root, const tfx_checkpoint_info *c)
{
    return tfx_printf("%s/%s", root, c->path);
}

static int has_folder(const char *root, const tfx_checkpoint_info *c)
{
    char *path = folder_of(root, c);
    int there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static int is_whole(const char *root, const tfx_checkpoint_info *c)
{
    char *path = folder_of(root, c);
    tfx_error quiet = {0};
    tfx_status status = tfx_checkpoint_check(path, c->json_hash ? c->json_hash : "", 0, &quiet);
    free(path);
    return status == TFX_OK;
}

/* The newest one below `step` that `fits`; id 0: none. */
static tfx_status find_older(tfx_store *store, tfx_id run, int64_t step, const char *root,
                             int (*fits)(const char *root, const tfx_checkpoint_info *c), tfx_checkpoint_info *out,
                             tfx_error *err)
{
    while (tfx_store_checkpoint_before(store, run, step, out, err) == TFX_OK && out->id && !fits(root, out)) {
        step = out->step;
        tfx_checkpoint_info_finish(out);
    }
    return err->status;
}

tfx_status tfx_resume_find(tfx_store *store, tfx_id run, const char *root, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_checkpoint_info older = {0};
    if (tfx_store_latest_checkpoint(store, run, out, err) != TFX_OK || !out->id || has_folder(root, out))
        return err->status;
    if (find_older(store, run, out->step, root, has_folder, &older, err) == TFX_OK && older.id) {
        tfx_log_event("checkpoint %" PRId64 " (step %" PRId64 ") has no folder any more", out->id, out->step);
        tfx_checkpoint_info_finish(out);
        *out = older;
    }
    return err->status;
}

void tfx_resume_advise(tfx_store *store, const tfx_checkpoint_info *failed, const char *root, tfx_error *err)
{
    tfx_checkpoint_info older = {0};
    tfx_error quiet = {0};
    if (!is_whole(root, failed) &&
        find_older(store, failed->run, failed->step, root, is_whole, &older, &quiet) == TFX_OK && older.id)
        tfx_error_append(err,
                         ". Checkpoint %" PRId64 ", of step %" PRId64
                         ", is whole: to go on from there, remove the folder "
                         "%s/%s and resume once more",
                         older.id, older.step, root, failed->path);
    tfx_checkpoint_info_finish(&older);
}
