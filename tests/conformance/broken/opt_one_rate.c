/* Caught by: update. The learning rate may differ between slices; it takes it for a single number. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    const int64_t one = 1;
    u->new_param = b->sub(b, u->param, b->mul(b, u->grad, b->reshape(b, u->lr, 1, &one)));
    return TFX_OK;
}

OPTIMIZER("opt_one_rate", "believes in one learning rate");
