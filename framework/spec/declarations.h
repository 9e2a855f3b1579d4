/* What the host's own sections declare, beyond the options themselves (those are
 * tfx_spec_declaration in experiment.h): which keys choose plugins. */
#ifndef TFX_SPEC_DECLARATIONS_H
#define TFX_SPEC_DECLARATIONS_H

#include "framework/spec/experiment.h"

/* The key of a section kind that chooses a plugin, and the kind of plugin; NULL when there
 * is none. */
const char *tfx_spec_plugin_key(const char *section, const char **plugin_kind);

/* The declared default of a key of a section kind; NULL when there is none. */
const char *tfx_spec_default(const char *section, const char *key);

/* The words of learning-rate schedules, from TFX_LR_CONSTANT on, and of what becomes of optimizer state, from
 * TFX_STATE_EXTEND on, and of what is computed again, from TFX_RECOMPUTE_NONE on; each ends with NULL. */
extern const char *const tfx_spec_schedules[], *const tfx_spec_carries[], *const tfx_spec_recomputes[];

/* What took the place of a key that a section kind once had; NULL when it never had it. */
const char *tfx_spec_removed(const char *section, const char *key);

#endif
