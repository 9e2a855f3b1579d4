#include "framework/plan/capacity.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/files.h"
#include "framework/plan/branches.h"
#include "framework/plan/origin.h"
#include "framework/plugin/calls/backend_calls.h"

uint64_t tfx_arm_plan_disk_bytes(const tfx_arm_plan *p)
{
    /* The end of every stage stays, before and after growth, unless the spec says otherwise;
     * and besides the periodic ones that are kept, one more while it is written. */
    const tfx_train_config *train = &p->arm->train;
    uint64_t stages = 0, largest = 0;
    for (uint32_t i = 0; i < p->n_stages; i++) {
        uint64_t bytes = p->stages[i]->param_bytes + p->stages[i]->optimizer_bytes;
        stages += bytes * (i ? 2 : 1);
        largest = bytes > largest ? bytes : largest;
    }
    uint64_t periodic = train->checkpoint_every ? largest * (uint64_t)train->keep_checkpoints : 0;
    return (train->keep_stages ? stages : largest) + periodic + largest + tfx_arm_plan_branch_bytes(p);
}

uint64_t tfx_arm_plan_final_bytes(const tfx_arm_plan *p)
{
    const tfx_train_config *train = &p->arm->train;
    const tfx_stage_plan *last = p->stages[p->n_stages - 1];
    uint64_t kept = last->param_bytes + (train->keep_optimizer ? last->optimizer_bytes : 0);
    for (uint32_t i = 0; train->keep_stages && i < p->n_stages; i++) /* as it was grown, and its end */
        kept += (p->stages[i]->param_bytes + p->stages[i]->optimizer_bytes) * ((i > 0) + (i + 1 < p->n_stages));
    if (train->checkpoint_every)
        kept += (last->param_bytes + last->optimizer_bytes) * (uint64_t)train->keep_checkpoints;
    return kept + tfx_arm_plan_branch_bytes(p);
}

/* What a run has at its busiest more than it leaves. */
static uint64_t passing_bytes(const tfx_arm_plan *p)
{
    uint64_t most = tfx_arm_plan_disk_bytes(p), kept = tfx_arm_plan_final_bytes(p);
    return most > kept ? most - kept : 0;
}

/* Adds one to the n largest, which are in descending order, and returns their sum. */
static uint64_t add_to_largest(uint64_t *largest, size_t n, uint64_t bytes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t smaller = largest[i] < bytes ? largest[i] : bytes;
        largest[i] = largest[i] < bytes ? bytes : largest[i];
        bytes = smaller;
        sum += largest[i];
    }
    return sum;
}

uint64_t tfx_plan_disk_bytes(tfx_arm_plan *const *arms, size_t n, size_t n_seeds, size_t jobs)
{
    /* Of the runs before one, the largest may still be at work beside it. */
    uint64_t kept = 0, most = 0, beside = 0, *largest = TFX_NEW_ARRAY(uint64_t, jobs);
    for (size_t i = 0; i < n; i++)
        for (size_t seed = 0; seed < n_seeds; seed++) {
            uint64_t working = kept + tfx_arm_plan_disk_bytes(arms[i]) + beside;
            most = working > most ? working : most;
            kept += tfx_arm_plan_final_bytes(arms[i]);
            beside = add_to_largest(largest, jobs - 1, passing_bytes(arms[i]));
        }
    free(largest);
    return most; /* a run needs at its busiest at least what it leaves */
}

/* Puts before the message what made it so large, if that was --set, or else the arm. */
static tfx_status locate_largest(const tfx_arm_plan *p, const tfx_stage_plan *s, tfx_error *err)
{
    const tfx_setting *set = tfx_model_spec_set(s->spec);
    static const char *const keys[] = {"batch", "micro_batch"};
    if (set)
        tfx_error_locate(err, set->file, 0);
    for (size_t i = 0; i < 2; i++) {
        int line;
        const char *file = tfx_options_origin(p->arm->train.options, keys[i], &line);
        if (file && !line)
            tfx_error_locate(err, file, 0);
    }
    tfx_error_locate(err, p->arm->file, p->arm->line);
    return err->status;
}

/* Bytes of the process while it is in a stage. */
static uint64_t stage_bytes(const tfx_stage_plan *s)
{
    return tfx_stage_peak_bytes(s) + tfx_stage_host_bytes(s);
}

uint64_t tfx_arm_plan_process_bytes(const tfx_arm_plan *p)
{
    uint64_t most = p->origin && p->origin->stage ? stage_bytes(p->origin->stage) : 0;
    for (uint32_t i = 0; i < p->n_stages; i++)
        most = stage_bytes(p->stages[i]) > most ? stage_bytes(p->stages[i]) : most;
    return most;
}

tfx_status tfx_arm_plan_fits(const tfx_arm_plan *p, const tfx_device *device, tfx_error *err)
{
    uint64_t have = tfx_call_backend_memory(device->cls, device->backend);
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const tfx_stage_plan *s = p->stages[i];
        uint64_t need = stage_bytes(s);
        if (need <= have)
            continue;
        char a[32], b[32], c[32], d[32], f[32], h[32];
        tfx_fail(err, TFX_E_INVALID,
                 "[arm %s]: stage %u (model '%s') needs %s of memory (parameters %s, optimizer %s, "
                 "activations and gradients %s, scratch and program %s); this machine has %s. Ways out: "
                 "train.micro_batch, train.recompute = auto, train.compute = bf16, train.gradients = bf16, "
                 "train.optimizer.moments = bf16",
                 p->arm->name, s->index, s->model->name, tfx_format_bytes(a, (double)need),
                 tfx_format_bytes(b, (double)s->param_bytes), tfx_format_bytes(c, (double)s->optimizer_bytes),
                 tfx_format_bytes(d, (double)s->arena_bytes),
                 tfx_format_bytes(f, (double)(s->workspace_bytes + tfx_stage_host_bytes(s))),
                 tfx_format_bytes(h, (double)have));
        return locate_largest(p, s, err);
    }
    return TFX_OK;
}

tfx_status tfx_plan_fits_disk(tfx_arm_plan *const *arms, size_t n, size_t n_seeds, size_t jobs, const char *spec,
                              const char *path, tfx_error *err)
{
    uint64_t need = tfx_plan_disk_bytes(arms, n, n_seeds, jobs), have = tfx_free_bytes(path);
    char a[32], b[32];
    if (need > have)
        tfx_fail(err, TFX_E_INVALID, "%s: checkpoints of all runs need up to %s on disk, %s are free where %s is", spec,
                 tfx_format_bytes(a, (double)need), tfx_format_bytes(b, (double)have), path);
    return err->status;
}
