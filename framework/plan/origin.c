#include "framework/plan/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/checkpoint/checkpoint.h"
#include "framework/plan/branches.h"
#include "framework/plan/event.h"
#include "framework/spec/resolved_text.h"

void tfx_stage_setting(const tfx_experiment *e, const tfx_arm *arm, const tfx_stage_plan *s, int64_t seed,
                       tfx_checkpoint_setting *out)
{
    tfx_text data = {0};
    tfx_text_add(&data, "%s", e->loader.name);
    for (size_t i = 0; i < tfx_options_count(e->loader.options); i++) {
        const char *name, *value;
        tfx_options_at(e->loader.options, i, &name, &value);
        tfx_text_add(&data, "\n%s = %s", name, value);
    }
    *out = (tfx_checkpoint_setting){
        .context = s->context, .vocab = s->model->vocab, .micro_batch = s->micro_batch, .seed = seed};
    snprintf(out->optimizer, sizeof(out->optimizer), "%s", arm->train.optimizer.name);
    tfx_bytes_hash(data.s, data.n, out->data);
    tfx_text_free(&data);
}

void tfx_origin_destroy(tfx_origin *o)
{
    if (!o)
        return;
    tfx_stage_plan_destroy(o->own_stage);
    tfx_resolved_model_destroy(o->own_spec);
    tfx_state_finish(&o->own);
    free(o->what);
    free(o->model);
    free(o);
}

/* ---- whether an arm can go on from there ---- */

static int same_shape(const tfx_state_tensor *a, const tfx_state_tensor *b)
{
    return a->n_dims == b->n_dims && !memcmp(a->dims, b->dims, sizeof(*a->dims) * a->n_dims);
}

/* The first tensor of this kind that is not the same in both: as `a` has it, as `b` does; NULL: it has none. Returns
 * whether there is one. An arm has no old slices where it starts, and which ones the other has does not matter. */
static int first_difference(const tfx_state_layout *from, const tfx_state_layout *to, tfx_state_kind kind,
                            const tfx_state_tensor **a, const tfx_state_tensor **b)
{
    const tfx_state_layout *both[] = {to, from};
    for (int side = 0; side < 2; side++)
        for (uint32_t i = 0; i < both[side]->n; i++) {
            const tfx_state_tensor *t = &both[side]->tensors[i];
            uint32_t at = tfx_state_find(both[!side], t->name);
            const tfx_state_tensor *other = at == TFX_STATE_NONE ? NULL : &both[!side]->tensors[at];
            other = other && other->kind == kind ? other : NULL;
            if (t->kind != kind || tfx_state_is_places(t->name) ||
                (other && other->dtype == t->dtype && same_shape(t, other)))
                continue;
            *a = side ? t : other;
            *b = side ? other : t;
            return 1;
        }
    return 0;
}

/* "f32 [2, 3]", or that there is none. */
static const char *describe(char buf[TFX_SHAPE_TEXT + 16], const tfx_state_tensor *t)
{
    char shape[TFX_SHAPE_TEXT];
    if (!t)
        return "nothing of that name";
    snprintf(buf, TFX_SHAPE_TEXT + 16, "%s %s", tfx_dtype_name(t->dtype), tfx_format_shape(shape, t->n_dims, t->dims));
    return buf;
}

/* Whether the model there grows into that of the arm, which its operator knows. */
static tfx_status check_growth(const tfx_origin *o, const tfx_arm_plan *p, tfx_error *err)
{
    tfx_stage_plan *s = p->stages[0];
    if (!o->stage)
        return tfx_fail(err, TFX_E_INVALID,
                        "that checkpoint does not say what its model is (tfx 0.1.0 did not write it), "
                        "so it cannot grow");
    if (o->stage->context != s->context || o->stage->model->vocab != s->model->vocab)
        return tfx_fail(err, TFX_E_INVALID,
                        "model '%s' cannot grow into '%s': context and vocab are %" PRId64 " and %" PRId64
                        ", and would be %" PRId64 " and %" PRId64,
                        o->stage->model->name, s->model->name, o->stage->context, o->stage->model->vocab, s->context,
                        s->model->vocab);
    tfx_growth_claim_finish(&p->claims[0]); /* where a run looks again */
    return tfx_event_claim(p->arm, 0, o->stage, s, p->registry, 0, &p->claims[0], err);
}

static tfx_status check_model(const tfx_origin *o, const tfx_stage_plan *s, tfx_error *err)
{
    const tfx_state_tensor *a, *b;
    char left[TFX_SHAPE_TEXT + 16], right[TFX_SHAPE_TEXT + 16];
    if (o->setting.context && o->setting.context != s->context)
        tfx_fail(err, TFX_E_INVALID, "context is %" PRId64 " there and %" PRId64 " here", o->setting.context,
                 s->context);
    else if (o->setting.vocab && o->setting.vocab != s->model->vocab)
        tfx_fail(err, TFX_E_INVALID, "vocab is %" PRId64 " there and %" PRId64 " here", o->setting.vocab,
                 s->model->vocab);
    else if (first_difference(o->state, &s->state, TFX_STATE_PARAM, &a, &b))
        tfx_fail(err, TFX_E_INVALID, "parameter %s is %s there and %s here", (b ? b : a)->name, describe(left, a),
                 describe(right, b));
    if (err->status != TFX_OK) {
        tfx_error_prefix(err, "expected the model that is there ('%s'), found '%s'", o->model ? o->model : "unnamed",
                         s->model->name);
        tfx_error_append(err, "; an arm whose scaling has no policy grows there");
    }
    return err->status;
}

static tfx_status check_optimizer(const tfx_origin *o, const tfx_arm *arm, const tfx_stage_plan *s, tfx_error *err)
{
    const tfx_state_tensor *a, *b;
    const char *name = arm->train.optimizer.name;
    char left[TFX_SHAPE_TEXT + 16], right[TFX_SHAPE_TEXT + 16];
    if (o->carry == TFX_STATE_RESET)
        return TFX_OK;
    if (!o->has_optimizer)
        tfx_fail(err, TFX_E_INVALID, "that checkpoint has no optimizer state");
    else if (*o->setting.optimizer && strcmp(o->setting.optimizer, name))
        tfx_fail(err, TFX_E_INVALID, "that state is of %s, and the optimizer is %s", o->setting.optimizer, name);
    else if (!tfx_arm_grows_at_start(arm) && first_difference(o->state, &s->state, TFX_STATE_OPTIMIZER, &a, &b))
        tfx_fail(err, TFX_E_INVALID, "%s is %s there and %s here", (b ? b : a)->name, describe(left, a),
                 describe(right, b));
    if (err->status != TFX_OK) {
        tfx_error_prefix(err, "start.optimizer = keep");
        tfx_error_append(err, "; start.optimizer = reset goes without it");
    }
    return err->status;
}

/* A position in the data means something to a loader that is opened as the one that gave it. */
static tfx_status check_data(const tfx_origin *o, const tfx_start *start, const tfx_checkpoint_setting *mine,
                             tfx_error *err)
{
    const tfx_checkpoint_setting *its = &o->setting;
    if (!start->continue_data || !its->context)
        return TFX_OK;
    if (strcmp(its->data, mine->data))
        tfx_fail(err, TFX_E_INVALID, "that run had other data: another loader, or other options of it");
    else if (its->micro_batch != mine->micro_batch)
        tfx_fail(err, TFX_E_INVALID, "that run's micro_batch was %" PRId64 ", and it is %" PRId64, its->micro_batch,
                 mine->micro_batch);
    else if (its->seed != mine->seed)
        tfx_fail(err, TFX_E_INVALID, "that run's seed was %" PRId64 ", and there is a seed %" PRId64, its->seed,
                 mine->seed);
    if (err->status != TFX_OK) {
        tfx_error_prefix(err, "start.data = continue");
        tfx_error_append(err, "; start.data = restart begins with the data anew");
    }
    return err->status;
}

/* Gives the plan its origin. */
static tfx_status set_origin(tfx_arm_plan *p, tfx_origin *o, tfx_error *err)
{
    const tfx_experiment *e = p->experiment;
    const tfx_start *start = &p->arm->start;
    int same_seeds = start->kind == TFX_START_ARM;
    int grows = tfx_arm_grows_at_start(p->arm);
    p->origin = o;
    o->carry = start->keep_optimizer ? TFX_STATE_KEEP : TFX_STATE_RESET;
    if (grows && start->keep_optimizer) {
        tfx_carry_state said = tfx_arm_event(p->arm, 0)->carry;
        o->carry = said ? said : TFX_STATE_EXTEND;
    }
    p->stages[0]->carry = o->carry;
    if (err->status == TFX_OK && (grows ? check_growth(o, p, err) : check_model(o, p->stages[0], err)) == TFX_OK)
        check_optimizer(o, p->arm, p->stages[0], err);
    for (size_t i = 0; i < e->n_seeds && err->status == TFX_OK; i++) {
        tfx_checkpoint_setting mine;
        tfx_stage_setting(e, p->arm, p->stages[0], same_seeds ? o->setting.seed : e->seeds[i], &mine);
        check_data(o, start, &mine, err);
    }
    if (err->status != TFX_OK) {
        tfx_error_prefix(err, "[arm %s]: %s", p->arm->name, o->what);
        tfx_start_locate(start, err);
    }
    return err->status;
}

/* ---- the two kinds of origin ---- */

static void add_cost(tfx_spent *to, int64_t steps, const tfx_stage_plan *s)
{
    int64_t tokens = steps * s->batch * s->context;
    to->steps += steps;
    to->tokens += tokens;
    to->flops += (double)tokens * s->flops_per_token;
}

tfx_status tfx_origin_from_arm(tfx_arm_plan *p, const tfx_arm_plan *trunk, tfx_error *err)
{
    const tfx_start *start = &p->arm->start;
    uint32_t at;
    int64_t steps;
    if (tfx_start_place(start, trunk, &at, &steps, err) != TFX_OK)
        return err->status;
    const tfx_stage_plan *s = trunk->stages[at];
    tfx_origin *o = TFX_NEW(tfx_origin);
    o->what = start->point == TFX_POINT_STEP ? tfx_printf("step %" PRId64 " of arm %s", steps, trunk->arm->name)
              : start->point == TFX_POINT_STAGE
                  ? tfx_printf("the end of stage %" PRIu32 " of arm %s", at, trunk->arm->name)
                  : tfx_printf("the end of arm %s", trunk->arm->name);
    o->model = tfx_strdup(s->model->name);
    o->state = &s->state;
    o->stage = trunk->stages[at];
    o->has_optimizer = 1;
    tfx_stage_setting(p->experiment, trunk->arm, s, 0, &o->setting);
    if (trunk->origin)
        o->before = trunk->origin->before;
    for (uint32_t i = 0; i < at; i++)
        add_cost(&o->before, trunk->stages[i]->steps, trunk->stages[i]);
    add_cost(&o->before, steps - s->first_step, s);
    return set_origin(p, o, err);
}

/* The stage of a model that a checkpoint describes, without training. */
static void plan_model(const tfx_arm_plan *p, tfx_origin *o, const char *text, tfx_error *err)
{
    o->own_spec = tfx_resolved_model_parse(text, o->what, err);
    if (!o->own_spec)
        return;
    const tfx_stage_params params = {
        .registry = p->registry, .device = p->device, .model = o->own_spec, .train = &p->arm->train, .eval_only = 1};
    o->stage = o->own_stage = tfx_stage_plan_create(&params, err);
}

tfx_status tfx_origin_from_checkpoint(tfx_arm_plan *p, const char *folder, const char *json_hash, const char *what,
                                      tfx_error *err)
{
    tfx_checkpoint_record record;
    tfx_origin *o = TFX_NEW(tfx_origin);
    int keep = p->arm->start.keep_optimizer;
    o->what = tfx_strdup(what);
    o->state = &o->own;
    if (tfx_checkpoint_record_read(folder, json_hash, &record, err) == TFX_OK) {
        char *weights = tfx_printf("%s/" TFX_CHECKPOINT_WEIGHTS, folder);
        char *optimizer = tfx_printf("%s/" TFX_CHECKPOINT_OPTIMIZER, folder);
        o->has_optimizer = *record.optimizer != 0;
        o->setting = record.setting;
        o->setting.model = NULL; /* the record's */
        if (tfx_arm_grows_at_start(p->arm) && record.setting.model)
            plan_model(p, o, record.setting.model, err);
        o->before = tfx_spent_so_far(&record.at);
        if (tfx_checkpoint_check(folder, json_hash, !keep || !o->has_optimizer, err) == TFX_OK &&
            tfx_checkpoint_tensors(weights, TFX_STATE_PARAM, &o->own, &o->model, err) == TFX_OK && keep &&
            o->has_optimizer)
            tfx_checkpoint_tensors(optimizer, TFX_STATE_OPTIMIZER, &o->own, NULL, err);
        free(weights);
        free(optimizer);
    }
    tfx_checkpoint_record_finish(&record);
    if (err->status == TFX_E_IO)
        err->status = TFX_E_INVALID; /* a checkpoint that cannot be read is a mistake in the spec like any other */
    return set_origin(p, o, err);
}
