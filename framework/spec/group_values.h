/* Parameter groups: what [train] says of some parameters alone, as group.NAME.KEY. */
#ifndef TFX_SPEC_GROUP_VALUES_H
#define TFX_SPEC_GROUP_VALUES_H

#include "framework/spec/experiment.h"
#include "framework/spec/ini.h"

/* Takes the keys group.NAME.KEY out of `all`, which is [train] with what `arm` overrides. On error *out is to be
 * finished all the same. */
tfx_status tfx_group_values(tfx_ini_section *all, const tfx_ini_section *arm, tfx_train_config *out, tfx_error *err);
void tfx_groups_finish(tfx_train_config *t);

/* The i-th key of a group and its value as text, or NULL when there are no more. */
const char *tfx_group_text(const tfx_param_group *g, size_t i, const char **value);

#endif
