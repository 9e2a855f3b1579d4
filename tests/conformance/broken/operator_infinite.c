/* Caught by: function. Copies are divided by how many there are, which may be none. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    (void)h, (void)o;
    for (uint32_t i = 0; i < g->to->n_params; i++)
        if (g->old_param(g, g->to->params[i]->path) < 0) {
            tfx_status status = g->set_fill(g, i, TFX_FILL_NORMAL, 1e30);
            if (status != TFX_OK)
                return status;
        }
    return TFX_OK;
}

static const tfx_operator_class class_table = {
    sizeof(class_table), "operator_infinite", "fills with much", NULL, 0, map};

TFX_PLUGIN("operator_infinite", "1", "fills with much", TFX_KIND_OPERATOR, &class_table);
