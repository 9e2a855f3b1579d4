#include "framework/plugin/calls/scaling_calls.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/plugin/host.h"

tfx_status tfx_call_scaling_create(const tfx_scaling_class *cls, const tfx_options *options, tfx_scaling **out,
                                   tfx_error *err)
{
    tfx_call c;
    *out = NULL;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "create", NULL);
    tfx_status status = cls->create(tfx_host_table(), options, out);
    status = tfx_call_end_making(&c, status, *out, "policy", NULL, err);
    if (status != TFX_OK)
        *out = NULL;
    return status;
}

void tfx_call_scaling_destroy_nothing(const tfx_scaling_class *cls)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "destroy", "NULL");
    cls->destroy(NULL);
    tfx_call_end_quietly(&c);
}

void tfx_call_scaling_destroy(const tfx_scaling_class *cls, tfx_scaling *s)
{
    tfx_call c;
    if (!s)
        return;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "destroy", NULL);
    cls->destroy(s);
    tfx_call_end_quietly(&c);
}

uint32_t tfx_call_scaling_n_stages(const tfx_scaling_class *cls, const tfx_scaling *s, tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "n_stages", NULL);
    uint32_t n = cls->n_stages(s);
    if (n == 0 || n > TFX_STAGE_LIMIT)
        tfx_call_bug(&c, "`n_stages` returned %" PRIu32 "; expected 1 to %d", n, TFX_STAGE_LIMIT);
    return tfx_call_end_named(&c, TFX_OK, err) == TFX_OK ? n : 0;
}

/* How the stage trains, as policies since 1.1 may say. */
static void check_training(tfx_call *c, uint32_t index, const tfx_stage *s)
{
    static const char *const schedules[] = {"constant", "linear", "cosine", "wsd"};
    const double numbers[] = {s->lr, s->min_lr, s->warmup, s->lr_old, s->lr_new, s->noise, s->noise_old};
    static const char *const names[] = {"lr", "min_lr", "warmup", "lr_old", "lr_new", "noise", "noise_old"};
    int known = !s->schedule;
    for (int i = 0; i < 7; i++)
        if (!(numbers[i] >= 0) || !isfinite(numbers[i]))
            tfx_call_bug(c, "stage %" PRIu32 " has %s = %g; expected a number from 0 on", index, names[i], numbers[i]);
    if (s->lr > 0 && s->min_lr > s->lr)
        tfx_call_bug(c, "stage %" PRIu32 " has min_lr = %g, above its lr of %g", index, s->min_lr, s->lr);
    for (int i = 0; i < 4; i++)
        known |= s->schedule && !strcmp(s->schedule, schedules[i]);
    if (!known)
        tfx_call_bug(c, "stage %" PRIu32 " has the unknown schedule \"%.40s\"", index, s->schedule);
    if (s->batch < 0)
        tfx_call_bug(c, "stage %" PRIu32 " has a batch of %" PRId64 " rows", index, s->batch);
}

tfx_status tfx_call_scaling_stage(const tfx_scaling_class *cls, const tfx_scaling *s, uint32_t index, tfx_stage *out,
                                  tfx_error *err)
{
    TFX_ROOMY(tfx_stage) stage = {{.struct_size = sizeof(*out)}};
    char about[32];
    tfx_call c;
    snprintf(about, sizeof(about), "stage %" PRIu32, index);
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "stage", about);
    tfx_status status = cls->stage(s, index, &stage.it);
    *out = stage.it;
    out->struct_size = sizeof(*out);
    if (!out->carry)
        out->carry = TFX_STATE_EXTEND;
    if (status == TFX_OK && out->steps < 0)
        tfx_call_bug(&c, "stage %" PRIu32 " has %" PRId64 " steps; expected a count, or 0 for train.steps", index,
                     out->steps);
    int ways = (out->steps != 0) + (out->tokens != 0) + (out->flops != 0);
    if (status == TFX_OK && (out->tokens < 0 || !(out->flops >= 0) || !isfinite(out->flops) || ways > 1))
        tfx_call_bug(&c,
                     "stage %" PRIu32 " has %" PRId64 " tokens, %" PRId64 " steps and %g FLOPs; expected one of them",
                     index, out->tokens, out->steps, out->flops);
    if (status == TFX_OK && (out->carry < TFX_STATE_EXTEND || out->carry > TFX_STATE_RESET))
        tfx_call_bug(&c, "stage %" PRIu32 " has the unknown carry %d", index, (int)out->carry);
    if (status == TFX_OK)
        check_training(&c, index, out);
    return tfx_call_end_named(&c, status, err);
}

tfx_status tfx_call_scaling_should_grow(const tfx_scaling_class *cls, tfx_scaling *s, const tfx_growth_signals *signals,
                                        int *grow, tfx_error *err)
{
    tfx_call c;
    *grow = 0;
    if (!cls->should_grow)
        return TFX_OK;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "should_grow", NULL);
    *grow = cls->should_grow(s, signals) != 0;
    return tfx_call_end_named(&c, TFX_OK, err);
}

static void check_data(tfx_call *c, const tfx_grown_param *p)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < p->n_dims; i++)
        n *= (uint64_t)p->dims[i];
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(p->data[i])) {
            tfx_call_bug(c, "`grow_param` made element %" PRIu64 " of %" PRIu64 " %g", i, n, (double)p->data[i]);
            return;
        }
}

tfx_status tfx_call_scaling_grow_param(const tfx_scaling_class *cls, tfx_scaling *s, const tfx_grown_param *p,
                                       tfx_error *err)
{
    char what[512];
    tfx_call c;
    snprintf(what, sizeof(what), "growing %s", p->path);
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "grow_param", p->path);
    tfx_status status = cls->grow_param(s, p);
    if (status == TFX_OK)
        check_data(&c, p);
    return tfx_call_end(&c, status, what, err);
}

tfx_status tfx_call_scaling_check(const tfx_scaling_class *cls, const tfx_scaling *s, uint32_t stage,
                                  const char *const *paths, size_t n, tfx_error *err)
{
    char about[32];
    tfx_call c;
    if (!TFX_HAS(cls, check))
        return TFX_OK;
    snprintf(about, sizeof(about), "stage %" PRIu32, stage);
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "check", about);
    return tfx_call_end_named(&c, cls->check(s, stage, paths, n), err);
}

tfx_status tfx_call_scaling_check_stage(const tfx_scaling_class *cls, const tfx_scaling *s,
                                        const tfx_planned_stage *stage, tfx_error *err)
{
    char about[32];
    tfx_call c;
    if (!TFX_HAS(cls, check_stage))
        return TFX_OK;
    snprintf(about, sizeof(about), "stage %" PRIu32, stage->stage);
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "check_stage", about);
    return tfx_call_end_named(&c, cls->check_stage(s, stage), err);
}

/* A text that the policy returned: at most that long, printable, and with nothing else but what is in `also`. */
static void check_text(tfx_call *c, const char *function, const char *text, size_t limit, const char *also)
{
    size_t n = text ? strnlen(text, limit + 1) : 0;
    if (n > limit)
        tfx_call_bug(c, "`%s` returned a text of more than %zu bytes", function, limit);
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)text[i]; /* a char may have a sign */
        if ((byte < ' ' || byte >= 127) && !strchr(also, byte)) {
            tfx_call_bug(c, "`%s` returned a text with the byte 0x%02x at %zu; expected printable ASCII", function,
                         byte, i);
            break;
        }
    }
}

const char *tfx_call_scaling_reason(const tfx_scaling_class *cls, tfx_scaling *s, tfx_error *err)
{
    tfx_call c;
    if (!TFX_HAS(cls, reason))
        return NULL;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "reason", NULL);
    const char *text = cls->reason(s);
    check_text(&c, "reason", text, TFX_POLICY_REASON_LIMIT, "");
    return tfx_call_end_named(&c, TFX_OK, err) == TFX_OK ? text : NULL;
}

tfx_status tfx_call_scaling_needs_curve(const tfx_scaling_class *cls, const tfx_scaling *s, uint32_t stage,
                                        tfx_curve_request *out, tfx_error *err)
{
    TFX_ROOMY(tfx_curve_request) request = {{.struct_size = sizeof(*out)}};
    tfx_call c;
    *out = request.it;
    if (!TFX_HAS(cls, needs_curve))
        return TFX_OK;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "needs_curve", NULL);
    tfx_status status = cls->needs_curve(s, stage, &request.it);
    *out = request.it;
    if (status == TFX_OK && out->arm && !out->experiment)
        tfx_call_bug(&c, "`needs_curve` named arm \"%.100s\" of no experiment", out->arm);
    return tfx_call_end_named(&c, status, err);
}

tfx_status tfx_call_scaling_take_curve(const tfx_scaling_class *cls, tfx_scaling *s, uint32_t stage,
                                       const tfx_curve *curve, tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "take_curve", NULL);
    return tfx_call_end_named(&c, cls->take_curve(s, stage, curve), err);
}

const char *tfx_call_scaling_save(const tfx_scaling_class *cls, tfx_scaling *s, tfx_error *err)
{
    tfx_call c;
    if (!TFX_HAS(cls, save))
        return NULL;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "save", NULL);
    const char *text = cls->save(s);
    check_text(&c, "save", text, TFX_POLICY_TEXT_LIMIT, "\n\t");
    return tfx_call_end_named(&c, TFX_OK, err) == TFX_OK ? text : NULL;
}

tfx_status tfx_call_scaling_load(const tfx_scaling_class *cls, tfx_scaling *s, const char *text, tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_SCALING, cls, "load", NULL);
    if (!TFX_HAS(cls, load))
        tfx_call_bug(&c, "the checkpoint holds what the policy remembered, and it has no `load` to take that back");
    return tfx_call_end_named(&c, TFX_HAS(cls, load) ? cls->load(s, text) : TFX_OK, err);
}
