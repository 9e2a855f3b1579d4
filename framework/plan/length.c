#include "framework/plan/length.h"

#include <math.h>

/* As for [train] steps. */
#define MOST_STEPS 1e12

static int64_t of_tokens(int64_t tokens, const tfx_stage_plan *s)
{
    int64_t row;
    if (__builtin_mul_overflow(s->batch, s->context, &row))
        return 1;
    return tokens / row + (tokens % row != 0);
}

static tfx_status of_flops(tfx_length *l, double flops, tfx_stage_plan *s, tfx_error *err)
{
    double step = s->flops_per_token * (double)s->batch * (double)s->context, due = flops + l->owed;
    double steps = round(due / step);
    if (!(steps >= 1))
        return tfx_fail(
            err, TFX_E_INVALID,
            "flops: expected at least half of the %.4g FLOPs that a step of model '%s' takes; found %.4g for "
            "stage %u",
            step, s->model->name, due, s->index);
    if (steps > MOST_STEPS)
        return tfx_fail(err, TFX_E_INVALID,
                        "flops: expected at most 1T steps of %.4g FLOPs each; found %.4g FLOPs for stage %u", step, due,
                        s->index);
    l->owed = due - steps * step;
    s->steps = (int64_t)steps;
    return TFX_OK;
}

tfx_status tfx_length_set(tfx_length *l, const tfx_arm *arm, const tfx_stage *stage, tfx_stage_plan *s, tfx_error *err)
{
    const tfx_train_config *t = &arm->train;
    int own = stage->steps || stage->tokens || stage->flops > 0, line;
    int64_t steps = own ? stage->steps : t->steps, tokens = own ? stage->tokens : t->tokens;
    double flops = own ? stage->flops : t->flops;
    if (steps)
        s->steps = steps;
    else if (tokens)
        s->steps = of_tokens(tokens, s);
    else if (!(flops > 0))
        return tfx_fail_at(
            err, arm->file, arm->line,
            "[arm %s]: train.steps: expected integer, 1 to 1T, or else train.tokens or train.flops, since "
            "the policy does not say how long stage %u is; found none of them",
            arm->name, s->index);
    else if (of_flops(l, flops, s, err) != TFX_OK && own)
        tfx_plugin_use_locate(&arm->scaling, err);
    else if (err->status != TFX_OK) {
        const char *file = tfx_options_origin(t->options, "flops", &line);
        tfx_error_prefix(err, "[arm %s]", arm->name);
        tfx_error_locate(err, file ? file : t->budget.file, file ? line : t->budget.line);
    }
    return err->status;
}
