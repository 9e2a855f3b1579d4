/* A policy whose state could be kept, but never given back. */
#define TFX_NEEDS_MINOR 1
#include "tfx/scaling.h"

static tfx_status create(const tfx_host *h, const tfx_options *o, tfx_scaling **out)
{
    (void)o, (void)out;
    return h->fail(h, TFX_E_INTERNAL, "not for use");
}

static void destroy(tfx_scaling *s)
{
    (void)s;
}

static uint32_t n_stages(const tfx_scaling *s)
{
    (void)s;
    return 1;
}

static tfx_status stage(const tfx_scaling *s, uint32_t index, tfx_stage *out)
{
    (void)s, (void)index, (void)out;
    return TFX_OK;
}

static int should_grow(tfx_scaling *s, const tfx_growth_signals *signals)
{
    (void)s, (void)signals;
    return 0;
}

static tfx_status grow_param(tfx_scaling *s, const tfx_grown_param *p)
{
    (void)s, (void)p;
    return TFX_OK;
}

static const char *save(tfx_scaling *s)
{
    (void)s;
    return "1";
}

static const tfx_scaling_class scaling = {
    sizeof(tfx_scaling_class),
    "save_only",
    "test policy",
    NULL,
    0,
    create,
    destroy,
    n_stages,
    stage,
    should_grow,
    grow_param,
    NULL,
    save,
    NULL,
};
TFX_PLUGIN("save_only", "1.0.0", "test plugin", TFX_KIND_SCALING, &scaling);
