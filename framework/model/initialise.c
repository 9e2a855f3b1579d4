#include "framework/model/initialise.h"

#include <assert.h>

#include "framework/base/memory.h"
#include "framework/base/parallel.h"
#include "framework/base/random.h"

typedef struct initialisation {
    const tfx_state_tensor *t;
    uint64_t seed, stream, offset; /* of data's first element */
    float *data;
} initialisation;

static void initialise_range(void *ctx, uint64_t first, uint64_t n)
{
    const initialisation *w = ctx;
    if (w->t->init.kind == TFX_INIT_NORMAL) {
        tfx_random_normal(w->seed, w->stream, w->offset + first, n, w->t->init.mean, tfx_param_std(w->t),
                          w->data + first);
        return;
    }
    for (uint64_t i = first; i < first + n; i++)
        w->data[i] = (float)w->t->init.mean;
}

void tfx_param_initialise(const tfx_state_tensor *t, uint64_t seed, uint64_t first, uint64_t n, float *data)
{
    assert(t->kind == TFX_STATE_PARAM && first + n <= t->elements);
    initialisation w = {t, seed, tfx_random_stream(t->name), first, data};
    tfx_parallel_ranges(n, 1 << 16, initialise_range, &w);
}

double tfx_param_std(const tfx_state_tensor *t)
{
    return t->init.kind != TFX_INIT_NORMAL ? 0 : t->init_scale != 0 ? t->init.std * t->init_scale : t->init.std;
}

char *tfx_init_text(const tfx_state_tensor *t)
{
    return t->init.kind == TFX_INIT_NORMAL ? tfx_printf("N(%.4g, %.4g)", t->init.mean, tfx_param_std(t))
                                           : tfx_printf("constant %.4g", t->init.mean);
}
