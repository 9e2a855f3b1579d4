#include "framework/train/start.h"

#include <inttypes.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/train/run_lock.h"

void tfx_found_start_finish(tfx_found_start *f)
{
    free(f->what);
    free(f->folder);
    free(f->json_hash);
    *f = (tfx_found_start){0};
}

static tfx_status fill(tfx_store *store, const tfx_checkpoint_info *c, tfx_found_start *out, tfx_error *err)
{
    tfx_run_info run = {0};
    if (tfx_store_run_info(store, c->run, &run, err) == TFX_OK) {
        char *root = tfx_store_folder(store);
        out->what = tfx_printf("checkpoint %lld, step %" PRId64 " of run %lld (arm %s, seed %" PRId64 ")",
                               (long long)c->id, c->step, (long long)c->run, run.arm_name, run.seed);
        out->folder = tfx_printf("%s/%s", root, c->path);
        out->json_hash = tfx_strdup(c->json_hash ? c->json_hash : ""); /* none was recorded */
        out->checkpoint = c->id;
        free(root);
    }
    tfx_run_info_finish(&run);
    return err->status;
}

/* Leaves *out empty when the run has no such checkpoint. */
static tfx_status find_in_run(tfx_store *store, const tfx_start *s, tfx_id run, tfx_found_start *out, tfx_error *err)
{
    tfx_checkpoint_info c = {0};
    if (s->point == TFX_POINT_STEP)
        tfx_store_checkpoint_at_step(store, run, s->number, &c, err);
    else
        tfx_store_checkpoint_at_end(store, run, s->point == TFX_POINT_STAGE ? s->number : -1, &c, err);
    if (err->status == TFX_OK && c.id)
        fill(store, &c, out, err);
    tfx_checkpoint_info_finish(&c);
    return err->status;
}

int tfx_start_is_there(tfx_store *store, const tfx_start *s, tfx_id run, tfx_error *err)
{
    tfx_found_start found = {0};
    int there = find_in_run(store, s, run, &found, err) == TFX_OK && found.folder;
    tfx_found_start_finish(&found);
    return there;
}

static tfx_status find_on_disk(tfx_store *store, const tfx_start *s, tfx_found_start *out, tfx_error *err)
{
    tfx_checkpoint_info c = {0};
    tfx_id id = store ? tfx_store_checkpoint_in(store, s->name, err) : 0;
    if (id && tfx_store_checkpoint(store, id, &c, err) == TFX_OK)
        fill(store, &c, out, err);
    else if (err->status == TFX_OK) {
        out->what = tfx_printf("checkpoint %s", s->name);
        out->folder = tfx_strdup(s->name);
    }
    tfx_checkpoint_info_finish(&c);
    return err->status;
}

tfx_status tfx_start_find(tfx_store *store, const tfx_start *s, tfx_found_start *out, tfx_error *err)
{
    *out = (tfx_found_start){0};
    if (s->kind == TFX_START_CHECKPOINT)
        return find_on_disk(store, s, out, err);
    tfx_run_info run = {0};
    if (tfx_store_run_info(store, s->run, &run, err) == TFX_OK && find_in_run(store, s, s->run, out, err) == TFX_OK &&
        !out->folder) {
        char *steps = tfx_store_checkpoint_steps(store, s->run, err), *text = tfx_start_text(s);
        tfx_fail(err, TFX_E_INVALID, "%s: run %lld (arm %s, seed %" PRId64 ") has no such checkpoint; it has %s%s",
                 text, (long long)s->run, run.arm_name, run.seed, steps ? "those of steps " : "none",
                 steps ? steps : "");
        free(text);
        free(steps);
    }
    tfx_run_info_finish(&run);
    return err->status;
}

/* Nobody executes the run that should have left the checkpoint. */
static tfx_status fail_absent(const tfx_run_info *run, const tfx_start *s, tfx_error *err)
{
    static const char *const why[] = {[TFX_RUN_PLANNED] = "has not been executed",
                                      [TFX_RUN_RUNNING] = "was killed",
                                      [TFX_RUN_DONE] = "has ended before",
                                      [TFX_RUN_INTERRUPTED] = "was interrupted",
                                      [TFX_RUN_FAILED] = "failed"};
    char *text = tfx_start_text(s);
    tfx_fail(err, TFX_E_INVALID, "its start, run %lld (arm %s, seed %" PRId64 "), %s, without the checkpoint for %s",
             (long long)run->run, run->arm_name, run->seed, why[run->status], text);
    free(text);
    return err->status;
}

static tfx_status await_arm(tfx_store *store, const tfx_start *s, tfx_id branch, const volatile sig_atomic_t *stop,
                            tfx_found_start *out, tfx_error *err)
{
    tfx_run_info me = {0};
    tfx_id run = 0;
    int told = 0, alone = 0;
    if (tfx_store_run_info(store, branch, &me, err) == TFX_OK)
        run = tfx_store_run_of(store, me.experiment, s->name, me.seed, err);
    tfx_run_info_finish(&me);
    while (err->status == TFX_OK && find_in_run(store, s, run, out, err) == TFX_OK && !out->folder && !*stop) {
        tfx_run_info info = {0};
        tfx_error taken = {0};
        if (tfx_store_run_info(store, run, &info, err) == TFX_OK && alone)
            fail_absent(&info, s, err);
        tfx_run_info_finish(&info);
        /* What it has left when nobody executes it is all there will be, and is looked for once more. */
        alone = err->status == TFX_OK && tfx_run_lock_check(store, &run, 1, &taken) == TFX_OK;
        if (taken.status != TFX_OK && taken.status != TFX_E_INVALID)
            tfx_fail(err, taken.status, "%s", taken.text);
        else if (taken.status != TFX_OK && !told++)
            tfx_log_event("waits for run %lld (arm %s), which another process executes", (long long)run, s->name);
    }
    return err->status;
}

tfx_status tfx_start_await(tfx_store *store, const tfx_start *s, tfx_id run, const volatile sig_atomic_t *stop,
                           tfx_found_start *out, tfx_error *err)
{
    *out = (tfx_found_start){0};
    return s->kind == TFX_START_ARM ? await_arm(store, s, run, stop, out, err) : tfx_start_find(store, s, out, err);
}

tfx_status tfx_start_load(tfx_store *store, tfx_id run, const tfx_start *s, const tfx_found_start *from,
                          const tfx_state_layout *state, const tfx_state_io *io, int params_only, tfx_run_standing *at,
                          tfx_error *err)
{
    tfx_checkpoint_record record;
    if (tfx_checkpoint_record_read(from->folder, from->json_hash, &record, err) == TFX_OK &&
        tfx_checkpoint_load(from->folder, from->json_hash, state, io, params_only, err) == TFX_OK) {
        at->before = tfx_spent_so_far(&record.at);
        if (s->continue_data)
            at->position = record.at.position;
        if (!from->checkpoint)
            tfx_store_set_outside_start(store, run, from->folder, record.weights, &at->before, err);
    }
    tfx_checkpoint_record_finish(&record);
    return err->status;
}
