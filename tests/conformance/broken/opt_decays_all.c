/* Caught by: freezing. It does not ask whether weight decay applies to a parameter. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    tfx_value p = b->mul(b, u->param, b->affine(b, u->lr, -0.1, 1.0));
    u->new_param = b->sub(b, p, b->mul(b, u->grad, u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_decays_all", "decays everything");
