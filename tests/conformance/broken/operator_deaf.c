/* Caught by: map. It does not look whether a parameter was there before. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    (void)h, (void)o;
    int64_t n = 0;
    for (uint32_t i = 0; i < g->to->n_params; i++) {
        int64_t old = g->old_param(g, g->to->params[i]->path);
        n += *(volatile const int64_t *)&g->from->params[old < 0 ? g->from->n_params + 100000u : (uint32_t)old]->block;
    }
    return n < -1000 ? h->fail(h, TFX_E_INVALID, "no blocks") : TFX_OK;
}

static const tfx_operator_class class_table = {
    sizeof(class_table), "operator_deaf", "believes in old ones", NULL, 0, map};

TFX_PLUGIN("operator_deaf", "1", "believes in old ones", TFX_KIND_OPERATOR, &class_table);
