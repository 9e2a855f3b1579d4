/* Caught by: determinism. It counts the updates that it builds, and each differs from the one before. */
#include "tests/conformance/one_class.h"

static tfx_status states(const tfx_host *h, const tfx_options *o, tfx_state *const *out, size_t *n)
{
    (void)h, (void)o, (void)out;
    *n = 0;
    return TFX_OK;
}

static tfx_status build_update(const tfx_builder *b, tfx_update *u)
{
    static int n_built;
    u->new_param = b->sub(b, u->param, b->affine(b, b->mul(b, u->grad, u->lr), 1.0 / (1 + n_built++), 0));
    return TFX_OK;
}

OPTIMIZER("opt_counts", "decays the learning rate by parameters");
