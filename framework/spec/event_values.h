/* Event values: how growth happens, as a [scaling] section says for all events and for single ones. */
#ifndef TFX_SPEC_EVENT_VALUES_H
#define TFX_SPEC_EVENT_VALUES_H

#include "framework/spec/experiment.h"
#include "framework/spec/ini.h"

/* A copy of a [scaling] section with the keys that are no event's: the policy and its options. The caller frees
 * its `keys`. */
tfx_ini_section tfx_section_without_events(const tfx_ini_section *s);

/* Fills out->events from the section; out->scaling is known. `arm` is the arm's section, over whose settings of [train]
 * an event puts its own. Strings of keys go to `ini`. */
tfx_status tfx_event_values(const tfx_registry *registry, tfx_ini *ini, const tfx_ini_section *s,
                            const tfx_ini_section *arm, tfx_arm *out, tfx_error *err);
void tfx_events_finish(tfx_arm *arm);

#endif
