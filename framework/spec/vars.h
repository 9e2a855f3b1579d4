/* Variables: ${NAME} in values, from [vars], and what a spec takes from elsewhere in the same form. */
#ifndef TFX_SPEC_VARS_H
#define TFX_SPEC_VARS_H

#include "framework/spec/ini.h"
#include "framework/spec/lookup.h"

/* Where values come from that are no variables. */
typedef struct tfx_vars_source {
    tfx_lookup *lookup; /* NULL: nowhere */
    int counts;         /* what is substituted is a part of the spec that will be run */
} tfx_vars_source;

/* Substitutes the variables of `vars` in each other, in place; strings go to `ini`. Unknown names and cycles are
 * errors. What comes from elsewhere stays as it is written. */
tfx_status tfx_vars_expand(tfx_ini_section *vars, tfx_ini *ini, tfx_error *err);
/* Substitutes expanded variables, and what comes from elsewhere, in the value of one setting. */
tfx_status tfx_vars_substitute(const tfx_ini_section *vars, const tfx_vars_source *source, tfx_setting *s, tfx_ini *ini,
                               tfx_error *err);

#endif
