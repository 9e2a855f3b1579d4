#include "framework/train/records.h"

#include <math.h>
#include <sys/resource.h>

#include "framework/base/memory.h"
#include "framework/train/learning_rate.h"
#include "framework/train/slices.h"

tfx_status tfx_record_stage(tfx_records *r, const tfx_stage_plan *s, const tfx_checkpoint_setting *setting,
                            tfx_id parent, tfx_error *err)
{
    tfx_stage_row row = {.run = r->run,
                         .index = s->index,
                         .model = s->model->name,
                         .n_params = (int64_t)s->n_params,
                         .flops_per_token = s->flops_per_token,
                         .planned_steps = s->steps,
                         .first_step = r->at->step - r->at->stage_step,
                         .planned_peak_bytes = (int64_t)tfx_stage_peak_bytes(s),
                         .context = setting->context,
                         .micro_batch = setting->micro_batch,
                         .data = setting->data,
                         .parent_checkpoint = parent};
    r->stage = tfx_store_add_stage(r->store, &row, err);
    return err->status;
}

static tfx_status add(const tfx_records *r, const char *name, double value, tfx_error *err)
{
    tfx_metric_row row = {.run = r->run,
                          .stage = r->stage,
                          .step = r->at->step,
                          .tokens = r->at->tokens,
                          .flops = r->at->flops,
                          .seconds = r->at->seconds,
                          .name = name,
                          .value = value};
    return tfx_store_add_metric(r->store, &row, err);
}

/* Ends a transaction: all of it counts, or nothing. */
static tfx_status finish(const tfx_records *r, tfx_error *err)
{
    if (err->status != TFX_OK || tfx_store_commit(r->store, err) != TFX_OK)
        tfx_store_rollback(r->store);
    return err->status;
}

tfx_status tfx_record_step(const tfx_records *r, const tfx_stage_plan *stage, const tfx_step_numbers *n, tfx_error *err)
{
    if (tfx_store_begin(r->store, err) != TFX_OK)
        return err->status;
    add(r, "train_loss", r->at->train_loss, err);
    add(r, "lr", n->lr, err);
    add(r, "grad_norm", n->grad_norm, err);
    add(r, "tokens_per_second", n->tokens_per_second, err);
    for (uint32_t i = 0; i < stage->n_reports; i++)
        if (isfinite(n->reports[i]))
            add(r, stage->reports[i], n->reports[i], err);
    return finish(r, err);
}

tfx_status tfx_record_slices(const tfx_records *r, const tfx_stage_plan *stage, tfx_engine *engine, tfx_error *err)
{
    uint32_t n;
    tfx_slice_part *parts = tfx_slice_parts(engine, stage, &n);
    tfx_slice_row *rows = TFX_NEW_ARRAY(tfx_slice_row, n);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (tfx_slice_row){.run = r->run,
                                  .stage = r->stage,
                                  .step = r->at->step,
                                  .parameter = stage->state.tensors[parts[i].param].name,
                                  .is_new = parts[i].is_new,
                                  .elements = (int64_t)parts[i].elements,
                                  .gradient_norm = parts[i].gradient_norm,
                                  .update_norm = parts[i].update_norm,
                                  .weight_norm = parts[i].weight_norm,
                                  .slots = (int64_t)parts[i].slots,
                                  .energy_share = parts[i].energy_share,
                                  .dead_slots = (int64_t)parts[i].dead_slots};
    tfx_store_add_slices(r->store, rows, n, err);
    free(rows);
    free(parts);
    return err->status;
}

tfx_status tfx_record_evaluation(const tfx_records *r, double bits_per_byte, int64_t tokens, const char *hash,
                                 tfx_error *err)
{
    if (tfx_store_begin(r->store, err) != TFX_OK)
        return err->status;
    add(r, "val_loss", r->at->val_loss, err);
    if (isfinite(bits_per_byte))
        add(r, "val_bpb", bits_per_byte, err);
    tfx_store_set_evaluated(r->store, r->stage, tokens, hash, err);
    return finish(r, err);
}

/* Peak resident bytes of this process so far. */
static int64_t peak_rss(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (int64_t)u.ru_maxrss * 1024;
}

tfx_status tfx_record_stage_end(const tfx_records *r, const tfx_stage_plan *s, tfx_error *err)
{
    tfx_stage_end end = {r->at->stage_step, peak_rss(), NAN, NAN};
    if (end.steps) {
        end.peak_lr = s->train.lr;
        end.last_lr = tfx_stage_learning_rate(s, r->at->schedule_done, end.steps);
    }
    return tfx_store_end_stage(r->store, r->stage, &end, err);
}

tfx_id tfx_record_checkpoint(const tfx_records *r, const tfx_saved *s, tfx_id parent, tfx_growth_row *growth,
                             const tfx_stage_plan *ended, tfx_error *err)
{
    tfx_checkpoint_row row = {.run = r->run,
                              .stage = r->stage,
                              .step = r->at->step,
                              .tokens = r->at->tokens,
                              .flops = r->at->flops,
                              .seconds = r->at->seconds,
                              .path = s->relative,
                              .hash = s->files.hash,
                              .json_hash = s->files.json_hash,
                              .bytes = (int64_t)s->files.bytes,
                              .val_loss = r->at->val_loss,
                              .parent = parent,
                              .reason = s->reason};
    if (tfx_store_begin(r->store, err) != TFX_OK)
        return 0;
    tfx_id id = tfx_store_add_checkpoint(r->store, &row, err);
    if (id && growth) {
        growth->to_checkpoint = id;
        tfx_store_add_growth_event(r->store, growth, err);
    }
    if (id && ended)
        tfx_record_stage_end(r, ended, err);
    return finish(r, err) == TFX_OK ? id : 0;
}
