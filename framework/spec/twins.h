/* Twins: what an arm that grows is compared with, at the FLOPs that it spends in all.
 *
 *   [arm grown]
 *   twins = scratch, random_base, no_growth
 *
 * adds [arm grown.scratch], its last model from its initialisation; [arm grown.random_base], which grows before its first step,
 * from a base that was not trained; and [arm grown.no_growth], its first model. */
#ifndef TFX_SPEC_TWINS_H
#define TFX_SPEC_TWINS_H

#include "framework/plugin/registry.h"
#include "framework/spec/ini.h"

/* Adds the twins behind each arm that has some, and takes what says so out of it. Sections that extend others have done so. */
tfx_status tfx_twins_apply(const tfx_registry *registry, tfx_ini *ini, tfx_error *err);

#endif
