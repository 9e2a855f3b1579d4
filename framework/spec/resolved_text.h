/* Resolved text: an experiment written out as a spec that leaves nothing to defaults, variables,
 * profiles and inheritance. */
#ifndef TFX_SPEC_RESOLVED_TEXT_H
#define TFX_SPEC_RESOLVED_TEXT_H

#include "framework/spec/experiment.h"

/* `host` are the options of [experiment]. NULL on error: a value that cannot be written in
 * INI, such as a path with " ;". */
char *tfx_resolved_text(const tfx_registry *registry, const tfx_experiment *e, const tfx_options *host, tfx_error *err);

/* One of its models in the same way, as checkpoints keep it; heap. */
char *tfx_resolved_model(const tfx_registry *registry, const tfx_model_spec *spec, tfx_error *err);

/* That text as a spec again; `origin` stands for the file in messages. NULL with a message. */
tfx_model_spec *tfx_resolved_model_parse(const char *text, const char *origin, tfx_error *err);
void tfx_resolved_model_destroy(tfx_model_spec *spec);

#endif
