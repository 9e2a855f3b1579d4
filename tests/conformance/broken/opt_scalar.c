/* Caught by: update. A parameter may be a single number, which has no last axis. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    tfx_value g = b->norm(b, TFX_NORM_RMS, b->slice(b, u->grad, -1, 0, b->dim_of(b, u->grad, -1)), 1e-6);
    u->new_param = b->sub(b, u->param, b->mul(b, g, u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_scalar", "normalises rows of everything");
