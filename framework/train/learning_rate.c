#include "framework/train/learning_rate.h"

#include <math.h>

/* A fraction of the steps, rounded up; 0.28 of 25 is 7, although 0.28 * 25 is a little more. */
static int64_t part_of(double fraction, int64_t steps)
{
    return (int64_t)ceil(fraction * (double)steps * (1.0 - 1e-12));
}

double tfx_schedule_done(const tfx_stage_plan *s, double before, int64_t stage_step)
{
    int64_t left = s->schedule_steps - (s->first_step - s->schedule_first); /* planned from this stage on */
    return before + (double)stage_step * ((double)s->schedule_steps - before) / (double)left;
}

double tfx_learning_rate(const tfx_train_config *t, double step, int64_t steps)
{
    double warm = t->warmup < 1 ? (double)part_of(t->warmup, steps) : floor(t->warmup), all = (double)steps;
    if (step >= all)
        step = all - 1;
    if (step < warm)
        return t->lr * (step + 1) / warm;
    double fall = t->lr - t->min_lr;
    double done = (step - warm + 1) / (all - warm); /* (0, 1]: 1 in the last step */
    switch (t->schedule) {
    case TFX_LR_LINEAR: return t->lr - fall * done;
    case TFX_LR_COSINE: return t->min_lr + fall * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
    case TFX_LR_WSD: {
        double decay = (double)part_of(t->decay_fraction, steps), left = all - step; /* 1 in the last step */
        return left > decay ? t->lr : t->lr - fall * (decay - left + 1) / decay;
    }
    case TFX_LR_CONSTANT: break;
    }
    return t->lr;
}

double tfx_stage_learning_rate(const tfx_stage_plan *s, double before, int64_t stage_step)
{
    return tfx_learning_rate(&s->train, tfx_schedule_done(s, before, stage_step) - 1, s->schedule_steps);
}
