/* Variables: ${NAME} in values, from [vars]. */
#ifndef TFX_SPEC_VARS_H
#define TFX_SPEC_VARS_H

#include "framework/spec/ini.h"

/* Substitutes the variables of `vars` in each other, in place; strings go to `ini`. Unknown names and cycles are
 * errors. */
tfx_status tfx_vars_expand(tfx_ini_section *vars, tfx_ini *ini, tfx_error *err);
/* Substitutes expanded variables in the value of one setting. */
tfx_status tfx_vars_substitute(const tfx_ini_section *vars, tfx_setting *s, tfx_ini *ini, tfx_error *err);

#endif
