/* What a policy says: the same stages and the same decisions whenever it is asked, also when it goes on from what it saved. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/trial.h"
#include "framework/plugin/calls/scaling_calls.h"

/* ---- a policy, followed through a run ---- */

enum { STEPS_PER_STAGE = 400, MOST_STAGES = 8, EVAL_EVERY = 10, POINTS = 60 };

typedef struct policy_case {
    const tfx_scaling_class *cls;
    tfx_options *options;
    tfx_scaling *policy;
    uint32_t n_stages;
    tfx_error *err;
} policy_case;

#define FLOPS_PER_STEP 1e9

/* A loss that falls and then hardly falls any more, in each stage, with noise that is always the same. */
static double loss_at(double flops, uint64_t i)
{
    double noise = (double)(tfx_random_u64(4, 2, i) >> 11) * 0x1p-53 - 0.5;
    double steps = fmod(flops / FLOPS_PER_STEP, STEPS_PER_STAGE);
    return 3 - 1e-4 * flops / FLOPS_PER_STEP + exp(-steps / 30) + 0.002 * noise;
}

/* The curve that it asks for, of which it may want the stages' or any. */
static void give_curves(policy_case *c)
{
    double flops[POINTS], loss[POINTS];
    for (int i = 0; i < POINTS; i++) {
        flops[i] = FLOPS_PER_STEP * 10 * (i + 1);
        loss[i] = loss_at(flops[i], (uint64_t)i) - 0.05;
    }
    const tfx_curve curve = {sizeof(curve), POINTS, flops, loss};
    for (uint32_t i = 0; i + 1 < c->n_stages && c->err->status == TFX_OK; i++) {
        tfx_curve_request wanted;
        if (tfx_call_scaling_needs_curve(c->cls, c->policy, i, &wanted, c->err) == TFX_OK && wanted.arm)
            tfx_call_scaling_take_curve(c->cls, c->policy, i, &curve, c->err);
    }
    memset(flops, 0xff, sizeof(flops)); /* they are lent for that call alone */
    memset(loss, 0xff, sizeof(loss));
    tfx_scribble();
}

static tfx_status case_open(policy_case *c, const tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    *c = (policy_case){.cls = s->impl, .err = err};
    if (tfx_call_scaling_create(c->cls, o, &c->policy, err) == TFX_OK)
        c->n_stages = tfx_call_scaling_n_stages(c->cls, c->policy, err);
    return err->status;
}

static void case_close(policy_case *c)
{
    tfx_call_scaling_destroy(c->cls, c->policy);
    c->policy = NULL;
}

/* What it decides before step `step` of a made-up run: 1 to grow. */
static int ask(policy_case *c, uint32_t stage, int64_t stage_step, int64_t step)
{
    int grow = 0;
    const double flops = FLOPS_PER_STEP * (double)step;
    const tfx_growth_signals signals = {
        .struct_size = sizeof(signals),
        .stage = stage,
        .stage_step = stage_step,
        .step = step,
        .tokens = step * 64,
        .flops = flops,
        .train_loss = loss_at(flops, (uint64_t)step),
        .val_loss = step < EVAL_EVERY ? NAN : loss_at(flops, 10000 + (uint64_t)(step / EVAL_EVERY)),
        .val_step = step / EVAL_EVERY * EVAL_EVERY,
    };
    tfx_call_scaling_should_grow(c->cls, c->policy, &signals, &grow, c->err);
    return grow;
}

/* Where a run is. */
typedef struct standing {
    uint32_t stage;
    int64_t stage_step, step;
} standing;

/* The next step, and growth where it is due. Returns a number for what was decided. */
static uint64_t advance(policy_case *c, standing *at)
{
    at->step++;
    at->stage_step++;
    int grow = ask(c, at->stage, at->stage_step, at->step);
    uint64_t said = (uint64_t)grow;
    if (grow) {
        const char *why = tfx_call_scaling_reason(c->cls, c->policy, c->err);
        said = tfx_random_stream(why ? why : "") | 1;
    }
    if (grow || at->stage_step == STEPS_PER_STAGE) {
        at->stage++;
        at->stage_step = 0;
    }
    return said;
}

static int is_over(const policy_case *c, const standing *at)
{
    return at->stage + 1 >= c->n_stages || at->stage + 1 >= MOST_STAGES;
}

tfx_status tfx_trial_scaling(const tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    policy_case c;
    if (case_open(&c, s, o, err) == TFX_OK) {
        for (uint32_t i = 0; i < c.n_stages && i < MOST_STAGES && err->status == TFX_OK; i++) {
            tfx_stage stage;
            tfx_call_scaling_stage(c.cls, c.policy, i, &stage, err);
        }
        give_curves(&c);
        standing at = {0};
        for (int i = 0; i < 20 && err->status == TFX_OK && !is_over(&c, &at); i++)
            advance(&c, &at);
        const char *text = err->status == TFX_OK ? tfx_call_scaling_save(c.cls, c.policy, err) : NULL;
        char *kept = tfx_strdup(text);
        if (kept)
            tfx_call_scaling_load(c.cls, c.policy, kept, err);
        free(kept);
    }
    case_close(&c);
    return err->status;
}

/* ---- stages ---- */

static int same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* The first member that differs; NULL: none does. */
static const char *differ(const tfx_stage *a, const tfx_stage *b)
{
    return !same_text(a->model, b->model)                   ? "model"
           : a->steps != b->steps                           ? "steps"
           : a->tokens != b->tokens                         ? "tokens"
           : memcmp(&a->flops, &b->flops, sizeof(a->flops)) ? "flops"
           : a->restart_schedule != b->restart_schedule     ? "restart_schedule"
           : a->carry != b->carry                           ? "carry"
           : a->batch != b->batch                           ? "batch"
           : memcmp(&a->lr, &b->lr, sizeof(a->lr))          ? "lr"
           : !same_text(a->schedule, b->schedule)           ? "schedule"
                                                            : NULL;
}

/* Asks for all stages twice, from two instances. */
static void check_stages(tfx_subject *s, policy_case *c, policy_case *other)
{
    tfx_error *err = c->err;
    if (tfx_call_scaling_n_stages(c->cls, c->policy, err) != c->n_stages || other->n_stages != c->n_stages)
        tfx_say_fail(s, "`n_stages` gives %" PRIu32 " the first time, and something else later", c->n_stages);
    for (uint32_t i = 0; i < c->n_stages && i < 64 && !s->decided && err->status == TFX_OK; i++) {
        tfx_stage first, again, others;
        tfx_say_doing(s, "stage %" PRIu32, i);
        if (tfx_call_scaling_stage(c->cls, c->policy, i, &first, err) != TFX_OK)
            break;
        char *model = tfx_strdup(first.model);
        tfx_scribble();
        tfx_call_scaling_stage(c->cls, c->policy, i, &again, err);
        tfx_call_scaling_stage(c->cls, other->policy, i, &others, err);
        const char *which = err->status != TFX_OK    ? NULL
                            : differ(&first, &again) ? differ(&first, &again)
                                                     : differ(&first, &others);
        if (which)
            tfx_say_fail(s, "stage %" PRIu32 " has another `%s` when it is asked for again", i, which);
        else if (!same_text(model, first.model))
            tfx_say_fail(
                s, "the model of stage %" PRIu32 " was \"%s\", and its memory has something else after the next call",
                i, model);
        else if (i && !first.model)
            tfx_say_fail(s, "stage %" PRIu32 " has no model; expected a name", i);
        else if (!i && first.model)
            tfx_say_fail(s, "stage 0 has the model \"%s\"; expected NULL, for the arm's own", first.model);
        free(model);
    }
}

void tfx_rule_scaling_stages(tfx_subject *s)
{
    tfx_error err = {0};
    policy_case c = {0}, other = {0};
    tfx_options *o = tfx_subject_options(s, &err);
    if (o && case_open(&c, s, o, &err) == TFX_OK && case_open(&other, s, o, &err) == TFX_OK)
        check_stages(s, &c, &other);
    if (err.status != TFX_OK && !c.policy && tfx_error_is_refusal(&err) && !s->n_sets)
        tfx_say_skip(s, "no options could be made up for it; give some with --set (it said: %s)", err.text);
    else if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_say_ok(s, "%" PRIu32 " stages, the same whenever they are asked for", c.n_stages);
    if (c.cls)
        case_close(&c);
    if (other.cls)
        case_close(&other);
    tfx_options_destroy(o);
}

/* ---- decisions ---- */

void tfx_rule_scaling_decisions(tfx_subject *s)
{
    tfx_error err = {0};
    policy_case first, second, late;
    tfx_options *o = tfx_subject_options(s, &err);
    standing at[3] = {{0}, {0}, {0}};
    int64_t n = 0, n_grown = 0;
    case_open(&first, s, o, &err);
    case_open(&second, s, o, &err);
    case_open(&late, s, o, &err);
    give_curves(&first);
    give_curves(&second);
    give_curves(&late);
    uint64_t said[MOST_STAGES * STEPS_PER_STAGE] = {0};
    for (; err.status == TFX_OK && !s->decided && !is_over(&first, &at[0]); n++) {
        said[n] = advance(&first, &at[0]);
        n_grown += said[n] != 0;
        if (advance(&second, &at[1]) != said[n])
            tfx_say_fail(s, "two instances that see the same decide differently at step %" PRId64, at[0].step);
    }
    for (int64_t i = 0; i < n && err.status == TFX_OK && !s->decided; i++)
        if (advance(&late, &at[2]) != said[i])
            tfx_say_fail(s, "an instance that sees the same later decides differently at step %" PRId64, at[2].step);
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    else if (!first.cls->should_grow)
        tfx_say_ok(s, "it decides nothing: its stages have lengths");
    else
        tfx_say_ok(s, "the same in three instances over %" PRId64 " steps, with growth at %" PRId64 " of them", n,
                   n_grown);
    case_close(&first);
    case_close(&second);
    case_close(&late);
    tfx_options_destroy(o);
}

/* ---- state ---- */

/* A new instance that goes on from `text`, as a run does that resumes. */
static void go_on(tfx_subject *s, const tfx_options *o, const char *text, standing at, policy_case *old, tfx_error *err)
{
    policy_case c;
    standing there = at;
    if (case_open(&c, s, o, err) == TFX_OK && text && tfx_call_scaling_load(c.cls, c.policy, text, err) != TFX_OK)
        tfx_say_fail(s, "`load` refuses what `save` gave at step %" PRId64 ": %s", at.step, err->text);
    const char *again = err->status == TFX_OK ? tfx_call_scaling_save(c.cls, c.policy, err) : NULL;
    if (err->status == TFX_OK && text && (!again || strcmp(again, text)))
        tfx_say_fail(s, "after `load`, `save` gives \"%.200s\"; expected what was loaded, \"%.200s\"",
                     again ? again : "NULL", text);
    for (int i = 0; i < STEPS_PER_STAGE && err->status == TFX_OK && !s->decided && !is_over(&c, &there); i++)
        if (advance(&c, &there) != advance(old, &at))
            tfx_say_fail(s, "an instance that goes on from what was saved decides differently at step %" PRId64,
                         there.step);
    case_close(&c);
}

/* Follows a run up to `steps`, and another one from there on. */
static void check_resuming(tfx_subject *s, const tfx_options *o, int64_t steps, char **text, tfx_error *err)
{
    policy_case c;
    standing at = {0};
    case_open(&c, s, o, err);
    give_curves(&c);
    while (err->status == TFX_OK && at.step < steps && !is_over(&c, &at))
        advance(&c, &at);
    free(*text);
    *text = err->status == TFX_OK ? tfx_strdup(tfx_call_scaling_save(c.cls, c.policy, err)) : NULL;
    if (err->status == TFX_OK)
        go_on(s, o, *text, at, &c, err);
    case_close(&c);
}

/* What is not its own is refused; a text cut in half may still look like one. */
static void check_junk(tfx_subject *s, const tfx_options *o, const char *text)
{
    char *longer = tfx_printf("%s x", text), *shorter = tfx_strndup(text, strlen(text) / 2);
    const char *const junk[] = {"junk", "1 2 !", longer, shorter};
    for (size_t i = 0; i < 4 && !s->decided; i++) {
        tfx_error err = {0}, why = {0};
        policy_case c;
        if (case_open(&c, s, o, &err) == TFX_OK && tfx_call_scaling_load(c.cls, c.policy, text, &err) == TFX_OK) {
            tfx_say_doing(s, "`load` of \"%.200s\"", junk[i]);
            tfx_status status = tfx_call_scaling_load(c.cls, c.policy, junk[i], &why);
            if (status == TFX_OK && i < 3)
                tfx_say_fail(s, "`load` takes \"%.200s\"; expected TFX_E_DATA", junk[i]);
            else if (status != TFX_OK && (status != TFX_E_DATA || !tfx_error_is_refusal(&why)))
                tfx_say_fail(s, "`load` of \"%.200s\": expected TFX_E_DATA (%d) with a message, found %d: %s", junk[i],
                             TFX_E_DATA, (int)status, why.text);
        }
        case_close(&c);
    }
    free(longer);
    free(shorter);
}

void tfx_rule_scaling_state(tfx_subject *s)
{
    enum { MOST_STEPS = 800, EVERY = 7 };
    const tfx_scaling_class *cls = s->impl;
    tfx_error err = {0};
    tfx_options *o = tfx_subject_options(s, &err);
    char *text = NULL;
    for (int64_t step = 0; step < MOST_STEPS && err.status == TFX_OK && !s->decided; step += EVERY) {
        tfx_say_doing(s, "going on from step %" PRId64, step);
        check_resuming(s, o, step, &text, &err);
    }
    if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    if (text && *text && !s->decided)
        check_junk(s, o, text);
    if (!TFX_HAS(cls, save))
        tfx_say_ok(s, "it saves nothing, and needs nothing");
    else
        tfx_say_ok(s, "what it saves is enough to go on from; what is not its own is refused");
    free(text);
    tfx_options_destroy(o);
}

/* ---- parameters that it makes itself ---- */

static void grow_one(tfx_subject *s, policy_case *c, uint32_t n_dims, const int64_t *dims, const int64_t *old_dims,
                     int axis)
{
    enum { GUARD = 16 };
    uint64_t n = 1, n_old = 1;
    for (uint32_t i = 0; i < n_dims; i++) {
        n *= (uint64_t)dims[i];
        n_old *= (uint64_t)old_dims[i];
    }
    float *data = TFX_NEW_ARRAY(float, n + 2 * GUARD), *again = TFX_NEW_ARRAY(float, n + 2 * GUARD);
    float *old = TFX_NEW_ARRAY(float, n_old);
    for (uint64_t i = 0; i < n_old; i++)
        old[i] = 0.5f + (float)i;
    for (int k = 0; k < 2 && c->err->status == TFX_OK; k++) {
        float *room = k ? again : data;
        for (uint64_t i = 0; i < n + 2 * GUARD; i++)
            room[i] = 0.25f;
        const tfx_grown_param p = {.struct_size = sizeof(p),
                                   .path = "blocks.0.ffn.weight",
                                   .name = "weight",
                                   .n_dims = n_dims,
                                   .dims = dims,
                                   .old_dims = old_dims,
                                   .grow_axis = axis,
                                   .seed = 5,
                                   .stream = 6,
                                   .old_data = old,
                                   .data = room + GUARD};
        tfx_call_scaling_grow_param(c->cls, c->policy, &p, c->err);
        for (uint64_t i = 0; i < GUARD; i++)
            if (room[i] != 0.25f || room[GUARD + n + i] != 0.25f)
                tfx_say_fail(s, "`grow_param` writes outside of the parameter's new values");
    }
    if (c->err->status == TFX_OK && memcmp(data, again, (n + 2 * GUARD) * sizeof(*data)))
        tfx_say_fail(s, "`grow_param` gives other values the second time, with the same seed and stream");
    for (uint64_t i = 0; i < n_old; i++)
        if (old[i] != 0.5f + (float)i)
            tfx_say_fail(s, "`grow_param` changes the old values");
    free(data);
    free(again);
    free(old);
}

void tfx_rule_scaling_params(tfx_subject *s)
{
    const tfx_scaling_class *cls = s->impl;
    tfx_error err = {0};
    policy_case c = {0};
    tfx_options *o = tfx_subject_options(s, &err);
    if (!cls->grow_param) {
        tfx_say_ok(s, "operators make them");
    } else if (o && case_open(&c, s, o, &err) == TFX_OK) {
        grow_one(s, &c, 2, (const int64_t[]){9, 4}, (const int64_t[]){5, 4}, 0);
        grow_one(s, &c, 2, (const int64_t[]){3, 8}, (const int64_t[]){3, 6}, 1);
        grow_one(s, &c, 1, (const int64_t[]){7}, (const int64_t[]){6}, 0);
        grow_one(s, &c, 2, (const int64_t[]){4, 4}, (const int64_t[]){4, 4}, TFX_NOT_GROWABLE);
    }
    if (c.cls)
        case_close(&c);
    if (err.status != TFX_OK && tfx_error_is_refusal(&err))
        tfx_say_ok(s, "made-up parameters are refused: %s", err.text);
    else if (err.status != TFX_OK)
        tfx_say_fail(s, "%s", err.text);
    tfx_say_ok(s, "finite values of its own, the same for the same seed");
    tfx_options_destroy(o);
}
