/* Caught by: descent. A sign. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    u->new_param = b->add(b, u->param, b->mul(b, u->grad, u->lr));
    return TFX_OK;
}

OPTIMIZER("opt_uphill", "goes uphill");
