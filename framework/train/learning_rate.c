#include "framework/train/learning_rate.h"

#include <math.h>

/* A fraction of the steps, rounded up; 0.28 of 25 is 7, although 0.28 * 25 is a little more. */
static int64_t part_of(double fraction, int64_t steps)
{
    return (int64_t)ceil(fraction * (double)steps * (1.0 - 1e-12));
}

double tfx_learning_rate(const tfx_train_config *t, int64_t step, int64_t steps)
{
    int64_t warm = t->warmup < 1 ? part_of(t->warmup, steps) : (int64_t)t->warmup;
    if (step >= steps)
        step = steps - 1;
    if (step < warm)
        return t->lr * (double)(step + 1) / (double)warm;
    double fall = t->lr - t->min_lr;
    double done = (double)(step - warm + 1) / (double)(steps - warm); /* (0, 1]: 1 in the last step */
    switch (t->schedule) {
    case TFX_LR_LINEAR: return t->lr - fall * done;
    case TFX_LR_COSINE: return t->min_lr + fall * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
    case TFX_LR_WSD: {
        int64_t decay = part_of(t->decay_fraction, steps);
        int64_t left = steps - step; /* 1 in the last step */
        return left > decay ? t->lr : t->lr - fall * (double)(decay - left + 1) / (double)decay;
    }
    case TFX_LR_CONSTANT: break;
    }
    return t->lr;
}
