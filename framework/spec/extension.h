/* Extension: whether a spec says everything that an experiment was recorded with, and only adds to it. */
#ifndef TFX_SPEC_EXTENSION_H
#define TFX_SPEC_EXTENSION_H

#include "framework/base/error.h"

/* Of two resolved texts: `now` may have more seeds, arms, models and scalings than `before`, other ones of those that
 * nothing in `before` uses, and another description; all else has to be the same. Otherwise an error names the section and key, with what was recorded and what is found.
 * `file` is what messages call the text of now. */
tfx_status tfx_spec_extends(const char *before, const char *now, const char *file, tfx_error *err);

#endif
