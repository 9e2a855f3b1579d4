/* Caught by: map. A refusal without a message. */
#define TFX_NEEDS_MINOR 1
#include "tests/conformance/one_class.h"

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    (void)h, (void)o;
    return g->to->n_blocks == g->from->n_blocks ? TFX_OK : TFX_E_UNSUPPORTED;
}

static const tfx_operator_class class_table = {
    sizeof(class_table), "operator_silent", "does not say why", NULL, 0, map};

TFX_PLUGIN("operator_silent", "1", "does not say why", TFX_KIND_OPERATOR, &class_table);
