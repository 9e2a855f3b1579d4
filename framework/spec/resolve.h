/* Resolve: from a spec file, the files it extends, a profile and --set to plain sections.
 *
 * In this order: files are read, the root of the `extends` chain first; a profile's and
 * --set's variables replace those of [vars]; variables are substituted; each file's sections
 * are laid over those of the file it extends; the profile and then --set are laid over the
 * result; sections that extend another take over its settings; twins of arms are added; and arms are replaced by their points. What comes out has
 * [experiment], [data], [train], [model NAME], [scaling NAME] and [arm NAME] only, and the
 * profiles as written. */
#ifndef TFX_SPEC_RESOLVE_H
#define TFX_SPEC_RESOLVE_H

#include "framework/plugin/registry.h"
#include "framework/spec/ini.h"
#include "framework/spec/lookup.h"

/* The registry knows the defaults that sections leave unsaid. `profile` and `lookup` may be NULL. NULL on
 * error. */
tfx_ini *tfx_spec_resolve_file(const tfx_registry *registry, const char *path, const char *profile,
                               const char *const *sets, size_t n_sets, tfx_lookup *lookup, tfx_error *err);
/* The same from resolved text, without profile and --set; keys that were removed since it was written are left out. */
tfx_ini *tfx_spec_resolve_text(const tfx_registry *registry, const char *text, const char *origin, tfx_error *err);

#endif
