/* Overrides: the settings of a profile or of --set, which address the sections of a spec as
 * section.key, kind.NAME.key or kind.*.key. */
#ifndef TFX_SPEC_OVERRIDES_H
#define TFX_SPEC_OVERRIDES_H

#include "framework/plugin/registry.h"
#include "framework/spec/ini.h"

/* Splits "section.key=value" into settings of `set` whose place is "--set", without a line; the last one of a key
 * holds. In the sections that they are laid over, their place is "--set SECTION.KEY". Strings go to `ini`. */
tfx_status tfx_override_parse(const char *text, tfx_ini *ini, tfx_ini_section *set, tfx_error *err);

/* Lays those overrides that address [vars] over the variables, which must exist there. Strings go to `ini`. */
tfx_status tfx_override_vars(tfx_ini *ini, tfx_ini_section *vars, const tfx_setting *over, size_t n, tfx_error *err);

/* Checks every address against the sections of `ini`, and lays the overrides over them when
 * `apply` is nonzero; those of [vars] are left out. [train], [data] and [experiment] are
 * made when they are missing. */
tfx_status tfx_override_sections(const tfx_registry *registry, tfx_ini *ini, const tfx_setting *over, size_t n,
                                 int apply, tfx_error *err);

#endif
