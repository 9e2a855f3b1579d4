/* random: the old part in place, and everything new as the layers themselves initialise it.
 *
 * What most released growth code does, and what all other operators are measured against. It leaves nothing as it
 * was, except by luck of the architecture. */
#define TFX_NEEDS_MINOR 1
#include "tfx/growth.h"

static tfx_status map(const tfx_host *h, const tfx_options *o, tfx_growth *g)
{
    (void)h, (void)o, (void)g; /* the plainest map is this one */
    return TFX_OK;
}

static const tfx_operator_class operator_class = {
    sizeof(tfx_operator_class),
    "random",
    "the old part in place, what is new as the layers initialise it",
    NULL,
    0,
    map,
};

TFX_PLUGIN("random", "1.0.0", "growth by random initialisation", TFX_KIND_OPERATOR, &operator_class);
