/* Resolved text: an experiment written out as a spec that leaves nothing to defaults, variables,
 * profiles and inheritance. */
#ifndef TFX_SPEC_RESOLVED_TEXT_H
#define TFX_SPEC_RESOLVED_TEXT_H

#include "framework/spec/experiment.h"

/* `host` are the options of [experiment]. NULL on error: a value that cannot be written in
 * INI, such as a path with " ;". */
char *tfx_resolved_text(const tfx_registry *registry, const tfx_experiment *e, const tfx_options *host, tfx_error *err);

#endif
