#include "framework/plan/arm.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/model/growth.h"

tfx_status tfx_device_open(tfx_device *d, const tfx_experiment *e, tfx_error *err)
{
    *d = (tfx_device){.cls = e->backend.impl};
    tfx_host_call_begin();
    return tfx_host_call_end(d->cls->open(tfx_host_table(), e->backend.options, &d->backend), e->backend.name, err);
}

void tfx_device_close(tfx_device *d)
{
    if (d->backend)
        d->cls->close(d->backend);
    d->backend = NULL;
}

/* Says which line of the spec named the file that a loader complains of. */
static void add_origin(const tfx_options *options, tfx_error *err)
{
    for (size_t i = 0; i < tfx_options_count(options); i++) {
        const char *name, *value;
        int line = 0;
        tfx_options_at(options, i, &name, &value);
        const char *file = tfx_options_origin(options, name, &line);
        if (!file || !*value || tfx_options_type(options, name) != TFX_OPT_PATH || !strstr(err->text, value))
            continue;
        if (line)
            tfx_error_prefix(err, "%s:%d: loader.%s", file, line, name);
        else
            tfx_error_prefix(err, "%s: loader.%s", file, name);
        return;
    }
}

tfx_status tfx_arm_plan_check_data(const tfx_experiment *e, const tfx_arm_plan *p, tfx_error *err)
{
    const tfx_arm *arm = p->arm;
    const tfx_stage_plan *s = p->stages[0]; /* context and vocabulary are the same in all */
    const tfx_loader_class *cls = e->loader.impl;
    static const tfx_split splits[] = {TFX_SPLIT_TRAIN, TFX_SPLIT_VAL};
    for (size_t i = 0; i < 2; i++) {
        tfx_loader_config config = {.struct_size = sizeof(config), .options = e->loader.options, .split = splits[i],
                                    .batch = s->micro_batch, .context = s->context};
        tfx_loader *loader = NULL;
        tfx_loader_info info = {.struct_size = sizeof(info)};
        tfx_host_call_begin();
        if (tfx_host_call_end(cls->open(tfx_host_table(), &config, &loader), "[data]", err) != TFX_OK) {
            add_origin(e->loader.options, err);
            return err->status;
        }
        cls->info(loader, &info);
        cls->close(loader);
        if (info.vocab > s->model->vocab)
            return tfx_fail(err, TFX_E_INVALID,
                            "%s:%d: [arm %s]: model '%s' has vocab = %" PRId64 ", but the data has tokens up to %" PRId64,
                            arm->file, arm->line, arm->name, s->model->name, s->model->vocab, info.vocab - 1);
    }
    return TFX_OK;
}

static tfx_stage_plan *plan_stage(const tfx_arm *arm, const tfx_registry *registry, const tfx_device *device,
                                  const tfx_model_spec *model, tfx_error *err)
{
    tfx_stage_params params = {.registry = registry, .device = device, .model = model, .train = &arm->train};
    return tfx_stage_plan_create(&params, err);
}

/* Lets the policy see which parameters growing into stage `i` will change. */
static tfx_status check_growth_options(const tfx_arm_plan *p, uint32_t i, tfx_error *err)
{
    const tfx_scaling_class *cls = p->arm->scaling.impl;
    const tfx_state_layout *from = &p->stages[i - 1]->state, *to = &p->stages[i]->state;
    if (!TFX_HAS(cls, check))
        return TFX_OK;
    const char **paths = TFX_NEW_ARRAY(const char *, to->n);
    size_t n = 0;
    for (uint32_t k = 0; k < to->n; k++) {
        const tfx_state_tensor *t = &to->tensors[k];
        if (t->kind == TFX_STATE_PARAM && t->elements != from->tensors[tfx_state_find(from, t->name)].elements)
            paths[n++] = t->name;
    }
    tfx_host_call_begin();
    tfx_host_call_end(cls->check(p->policy, i, paths, n), p->arm->scaling_name, err);
    free(paths);
    return err->status;
}

/* The spans of the learning-rate schedule: one from each restart to the next. */
static void set_schedule(tfx_arm_plan *p, const char *restarts)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i <= p->n_stages; i++) {
        if (i > 0 && i < p->n_stages && !restarts[i])
            continue;
        int64_t total = 0;
        for (uint32_t k = start; k < i; k++)
            total += p->stages[k]->steps;
        for (uint32_t k = start; k < i; k++) {
            p->stages[k]->schedule_first = p->stages[start]->first_step;
            p->stages[k]->schedule_steps = total;
        }
        start = i;
    }
}

static tfx_status plan_growing(tfx_arm_plan *p, const tfx_experiment *e, const tfx_registry *registry,
                               const tfx_device *device, tfx_error *err)
{
    const tfx_arm *arm = p->arm;
    const tfx_scaling_class *cls = arm->scaling.impl;
    tfx_host_call_begin();
    if (tfx_host_call_end(cls->create(tfx_host_table(), arm->scaling.options, &p->policy), arm->scaling_name, err) != TFX_OK) {
        tfx_error_prefix(err, "%s: [scaling %s]", e->file, arm->scaling_name);
        return err->status;
    }
    p->n_stages = cls->n_stages(p->policy);
    if (p->n_stages == 0)
        return tfx_fail(err, TFX_E_INVALID, "%s: [scaling %s]: policy '%s' declares no stage", e->file, arm->scaling_name,
                        arm->scaling.name);
    p->stages = TFX_NEW_ARRAY(tfx_stage_plan *, p->n_stages);
    char *restarts = TFX_NEW_ARRAY(char, p->n_stages);
    int64_t first = 0;
    for (uint32_t i = 0; i < p->n_stages && err->status == TFX_OK; i++) {
        tfx_stage stage = {.struct_size = sizeof(stage)};
        tfx_host_call_begin();
        if (tfx_host_call_end(cls->stage(p->policy, i, &stage), arm->scaling_name, err) != TFX_OK)
            break;
        const tfx_model_spec *model = stage.model ? tfx_experiment_model(e, stage.model, err) : arm->model;
        if (!model) {
            tfx_error_prefix(err, "%s: [scaling %s]", e->file, arm->scaling_name);
            break;
        }
        tfx_stage_plan *s = p->stages[i] = plan_stage(arm, registry, device, model, err);
        if (!s)
            break;
        s->index = i;
        s->first_step = first;
        s->steps = stage.steps ? stage.steps : arm->train.steps;
        s->carry = stage.carry;
        restarts[i] = (char)(stage.restart_schedule != 0);
        first += s->steps;
        if (i && tfx_growth_check(&p->stages[i - 1]->state, p->stages[i - 1]->model->name, &s->state, s->model->name,
                                  err) != TFX_OK)
            tfx_error_prefix(err, "%s:%d: [arm %s]", arm->file, arm->line, arm->name);
        else if (i && (s->context != p->stages[i - 1]->context || s->model->vocab != p->stages[i - 1]->model->vocab))
            tfx_fail(err, TFX_E_INVALID, "%s:%d: [arm %s]: models '%s' and '%s' differ in context or vocab", arm->file,
                     arm->line, arm->name, p->stages[i - 1]->model->name, s->model->name);
        else if (i && check_growth_options(p, i, err) != TFX_OK)
            tfx_error_prefix(err, "%s: [scaling %s]", e->file, arm->scaling_name);
    }
    if (err->status == TFX_OK)
        set_schedule(p, restarts);
    free(restarts);
    return err->status;
}

tfx_arm_plan *tfx_arm_plan_create(const tfx_experiment *e, const tfx_arm *arm, const tfx_registry *registry,
                                  const tfx_device *device, tfx_error *err)
{
    tfx_arm_plan *p = TFX_NEW(tfx_arm_plan);
    p->arm = arm;
    if (arm->scaling.impl) {
        plan_growing(p, e, registry, device, err);
    } else {
        p->n_stages = 1;
        p->stages = TFX_NEW_ARRAY(tfx_stage_plan *, 1);
        p->stages[0] = plan_stage(arm, registry, device, arm->model, err);
        if (p->stages[0])
            p->stages[0]->steps = p->stages[0]->schedule_steps = arm->train.steps;
    }
    if (err->status != TFX_OK) {
        tfx_arm_plan_destroy(p);
        return NULL;
    }
    return p;
}

void tfx_arm_plan_destroy(tfx_arm_plan *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; p->stages && i < p->n_stages; i++)
        tfx_stage_plan_destroy(p->stages[i]);
    free(p->stages);
    if (p->policy)
        ((const tfx_scaling_class *)p->arm->scaling.impl)->destroy(p->policy);
    free(p);
}

double tfx_arm_plan_tokens(const tfx_arm_plan *p)
{
    double total = 0;
    for (uint32_t i = 0; i < p->n_stages; i++)
        total += (double)p->stages[i]->steps * (double)(p->stages[i]->batch * p->stages[i]->context);
    return total;
}

double tfx_arm_plan_flops(const tfx_arm_plan *p)
{
    double total = 0;
    for (uint32_t i = 0; i < p->n_stages; i++)
        total += (double)p->stages[i]->steps * (double)(p->stages[i]->batch * p->stages[i]->context) *
                 p->stages[i]->flops_per_token;
    return total;
}

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
    return (train->keep_stages ? stages : largest) + periodic + largest;
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
    return kept;
}

uint64_t tfx_plan_disk_bytes(tfx_arm_plan *const *arms, size_t n, size_t n_seeds)
{
    uint64_t kept = 0, most = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t seed = 0; seed < n_seeds; seed++) {
            uint64_t working = kept + tfx_arm_plan_disk_bytes(arms[i]);
            most = working > most ? working : most;
            kept += tfx_arm_plan_final_bytes(arms[i]);
        }
    return most; /* a run needs at its busiest at least what it leaves */
}

tfx_status tfx_arm_plan_fits(const tfx_arm_plan *p, const tfx_device *device, tfx_error *err)
{
    uint64_t have = device->cls->memory(device->backend);
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const tfx_stage_plan *s = p->stages[i];
        uint64_t need = tfx_stage_peak_bytes(s) + tfx_stage_host_bytes(s);
        if (need <= have)
            continue;
        char a[32], b[32], c[32], d[32], f[32], h[32];
        return tfx_fail(err, TFX_E_INVALID,
                        "%s:%d: [arm %s]: stage %u (model '%s') needs %s of memory (parameters %s, optimizer %s, "
                        "activations and gradients %s, scratch and program %s); this machine has %s. Ways out: "
                        "train.micro_batch, train.recompute = block, train.optimizer.moments = bf16",
                        p->arm->file, p->arm->line, p->arm->name, s->index, s->model->name,
                        tfx_format_bytes(a, (double)need), tfx_format_bytes(b, (double)s->param_bytes),
                        tfx_format_bytes(c, (double)s->optimizer_bytes), tfx_format_bytes(d, (double)s->arena_bytes),
                        tfx_format_bytes(f, (double)(s->workspace_bytes + tfx_stage_host_bytes(s))),
                        tfx_format_bytes(h, (double)have));
    }
    return TFX_OK;
}
