/* Caught by: freezing. Weight decay that does not go with the learning rate moves slices that growth has frozen. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    tfx_value p = u->decay ? b->affine(b, u->param, 0.999, 0) : u->param;
    u->new_param = b->sub(b, p, b->mul(b, u->grad, u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_restless", "decays at a learning rate of zero");
