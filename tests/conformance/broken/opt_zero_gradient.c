/* Caught by: update. With a gradient of zero it computes 0 / 0. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o;
    *out[0] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, TFX_F32};
    *n = 1;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    u->new_state[0] = b->add(b, u->state[0], b->mul(b, u->grad, u->grad));
    u->new_param = b->sub(b, u->param, b->mul(b, b->div(b, u->grad, b->unary(b, TFX_SQRT, u->new_state[0])), u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_zero_gradient", "divides by the root of a sum of squares");
