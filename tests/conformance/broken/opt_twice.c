/* Caught by: update. Two states of one name. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o;
    *out[0] = (tfx_state){sizeof(tfx_state), "m", TFX_STATE_LIKE_PARAM, TFX_F32};
    *out[1] = *out[0];
    *n = 2;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    u->new_state[0] = u->new_state[1] = u->grad;
    u->new_param = b->sub(b, u->param, b->mul(b, u->grad, u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_twice", "has two states of one name");
