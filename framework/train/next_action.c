#include "framework/train/next_action.h"

static int falls_on(int64_t step, int64_t every)
{
    return every && step % every == 0;
}

void tfx_run_state_begin(tfx_run_state *s, int from_checkpoint, int64_t evaluated_step)
{
    s->saved = from_checkpoint;
    s->evaluated = s->stage_step > 0 && evaluated_step == s->step;
    /* No checkpoint is made between the two. */
    s->decided = s->evaluated || !falls_on(s->step, s->eval_every);
}

tfx_action tfx_next_action(const tfx_run_state *s)
{
    int first = s->stage_step == 0;
    /* The probe says what there is to know of a model that grows before it has made a step. */
    int passing = first && s->stage_done && !s->last_stage;
    int evaluation_due = !s->evaluated && !passing && (first || s->stage_done || falls_on(s->step, s->eval_every));
    if (s->diverged)
        return TFX_ACTION_FAIL;
    if (evaluation_due && !s->stop)
        return TFX_ACTION_EVALUATE;
    if (!s->decided && !first && !s->stage_done && !evaluation_due)
        return TFX_ACTION_DECIDE;
    if (s->stage_done && !evaluation_due) {
        if (!s->saved)
            return TFX_ACTION_END_STAGE;
        return s->last_stage ? TFX_ACTION_END : s->stop ? TFX_ACTION_STOP : TFX_ACTION_GROW;
    }
    if (!s->saved && !first && !evaluation_due && (s->branches || falls_on(s->step, s->checkpoint_every)))
        return TFX_ACTION_CHECKPOINT;
    if (s->stop)
        return s->saved ? TFX_ACTION_STOP : TFX_ACTION_SAVE;
    return TFX_ACTION_STEP;
}

void tfx_action_done(tfx_run_state *s, tfx_action a)
{
    switch (a) {
    case TFX_ACTION_EVALUATE:
        s->evaluated = 1;
        s->saved &= s->stage_step == 0; /* what a grown checkpoint says is from before growth */
        break;
    case TFX_ACTION_STEP: s->evaluated = s->decided = s->saved = 0; break;
    case TFX_ACTION_DECIDE:
        s->decided = 1;
        s->saved = 0; /* it may remember something else now */
        break;
    case TFX_ACTION_CHECKPOINT:
    case TFX_ACTION_END_STAGE:
    case TFX_ACTION_SAVE: s->saved = 1; break;
    case TFX_ACTION_GROW:
        s->evaluated = 0;
        s->saved = 1;
        break;
    case TFX_ACTION_END:
    case TFX_ACTION_STOP:
    case TFX_ACTION_FAIL: break;
    }
}
