/* Caught by: update. A state of one number for each slice gets one for each element. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o;
    *out[0] = (tfx_state){sizeof(tfx_state), "v", TFX_STATE_PER_SLICE, TFX_F32};
    *n = 1;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    u->new_state[0] = b->add(b, u->state[0], b->mul(b, u->grad, u->grad));
    u->new_param = b->sub(b, u->param, b->mul(b, u->grad, u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_slice_state", "gives a state another shape");
