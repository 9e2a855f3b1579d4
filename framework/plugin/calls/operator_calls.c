#include "framework/plugin/calls/operator_calls.h"

#include "framework/plugin/host.h"

tfx_status tfx_call_operator_map(const tfx_operator_class *cls, const tfx_options *options, tfx_growth *g,
                                 const char *about, tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_OPERATOR, cls, "map", about);
    tfx_status status = cls->map(tfx_host_table(), options, g);
    /* A refused call has left its message; an operator that goes on all the same has no map. */
    if (status == TFX_OK && c.first.status != TFX_OK)
        status = c.first.status;
    return tfx_call_end(&c, status, "", err);
}
