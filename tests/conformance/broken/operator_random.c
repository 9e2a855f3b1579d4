/* Caught by: determinism. It draws from rand, not from the seed of the growth. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    (void)h, (void)o;
    for (uint32_t i = 0; i < g->to->n_params; i++) {
        tfx_status status = g->set_fill(g, i, TFX_FILL_NORMAL, 0.01 + 1e-3 * (rand() % 1000));
        if (status != TFX_OK)
            return status;
    }
    return TFX_OK;
}

static const tfx_operator_class class_table = {
    sizeof(class_table), "operator_random", "fills with noise", NULL, 0, map};

TFX_PLUGIN("operator_random", "1", "fills with noise", TFX_KIND_OPERATOR, &class_table);
