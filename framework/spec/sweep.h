/* Sweep: arms that are alike but for some settings, one for each combination of their values.
 *
 *   [sweep rates]
 *   arms = small, large
 *   train.lr = 1e-3, 2e-3
 *
 * puts the points small[lr=1e-3] and small[lr=2e-3] in the place of [arm small], and so for large. */
#ifndef TFX_SPEC_SWEEP_H
#define TFX_SPEC_SWEEP_H

#include "framework/plugin/registry.h"
#include "framework/spec/ini.h"

/* The most arms of a spec that sweeps. */
#define TFX_SWEEP_MAX_ARMS 10000

/* Replaces the arms of every [sweep] by their points, which say what they are (`sweep`, `sweep.of`, `sweep.point`), and removes
 * the sections. What other sections say is done with: inheritance, profile and --set. */
tfx_status tfx_sweeps_apply(const tfx_registry *registry, tfx_ini *ini, tfx_error *err);

#endif
