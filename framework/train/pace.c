#include "framework/train/pace.h"

#include <math.h>

#define MEMORY_SECONDS 60.0

void tfx_pace_add(tfx_pace *p, double now, double amount)
{
    if (p->begun) {
        double passed = now - p->last, kept = exp(-passed / MEMORY_SECONDS);
        p->amount = p->amount * kept + amount;
        p->seconds = p->seconds * kept + passed;
    }
    p->begun = 1;
    p->last = now;
}

double tfx_pace_time(const tfx_pace *p, double amount)
{
    if (amount <= 0)
        return 0;
    return p->amount > 0 ? amount * p->seconds / p->amount : -1;
}
