/* Calls of growth operators; see call.h. */
#ifndef TFX_PLUGIN_OPERATOR_CALLS_H
#define TFX_PLUGIN_OPERATOR_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/growth.h"

/* `about`: the growth, "small into large". */
tfx_status tfx_call_operator_map(const tfx_operator_class *cls, const tfx_options *options, tfx_growth *g,
                                 const char *about, tfx_error *err);

#endif
